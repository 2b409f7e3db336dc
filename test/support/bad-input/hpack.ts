/**
 * As much of HPACK (RFC 7541) as bad callers need: they write fields as plain literals, and read
 * those of an answer. They forbid the server its dynamic table, so that every answer can be read by
 * itself.
 */

/** First octets of a field that is not indexed, with its name as text, and of one that is. */
const LITERAL = 0x00
const INDEXED = 0x80
/** A literal that the reader is to put into its table. */
const LITERAL_TO_KEEP = 0x40
const TABLE_SIZE_UPDATE = 0x20
/** The static table's entries of `:status`; of all other names only the number matters here. */
const STATUS_FROM = 8
const STATUSES = ['200', '204', '206', '304', '400', '404', '500']

export type Fields = readonly (readonly [name: string, value: string])[]

export function encodeFields(fields: Fields): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [Buffer.of(LITERAL), text(name), text(value)]),
  )
}

/** A field that goes into the reader's table, and so many uses of it. */
export function encodeRepeated([name, value]: Fields[number], count: number): Buffer {
  const first = Buffer.concat([Buffer.of(LITERAL_TO_KEEP), text(name), text(value)])
  return Buffer.concat([first, Buffer.alloc(count, INDEXED | 62)])
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1')
  return Buffer.concat([integer(bytes.length, 7), bytes])
}

function integer(value: number, prefixBits: number): Buffer {
  const most = 2 ** prefixBits - 1
  if (value < most) return Buffer.of(value)
  const bytes = [most]
  let rest = value - most
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80)
  return Buffer.from([...bytes, rest])
}

/** Names of the static table other than `:status` come out as `#31`. */
export function decodeFields(block: Buffer): Map<string, string> {
  const reader = new FieldReader(block)
  const fields = new Map<string, string>()
  while (!reader.isAtEnd) {
    const field = reader.readField()
    if (field !== undefined) fields.set(...field)
  }
  return fields
}

class FieldReader {
  readonly #block: Buffer
  #at = 0

  constructor(block: Buffer) {
    this.#block = block
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#block.length
  }

  readField(): readonly [string, string] | undefined {
    const first = this.#block[this.#at] ?? 0
    if (first >= INDEXED) {
      const index = this.#readInteger(7)
      return [nameOf(index), STATUSES[index - STATUS_FROM] ?? '']
    }
    if (first >= LITERAL_TO_KEEP) return this.#readLiteral(6)
    if (first < TABLE_SIZE_UPDATE) return this.#readLiteral(4)
    this.#readInteger(5)
    return undefined
  }

  #readLiteral(prefixBits: number): readonly [string, string] {
    const index = this.#readInteger(prefixBits)
    return [index === 0 ? this.#readText() : nameOf(index), this.#readText()]
  }

  #readText(): string {
    const isHuffman = (this.#block[this.#at] ?? 0) >= 0x80
    const sizeBytes = this.#readInteger(7)
    const bytes = this.#block.subarray(this.#at, this.#at + sizeBytes)
    this.#at += sizeBytes
    return isHuffman ? decodeHuffman(bytes) : bytes.toString('latin1')
  }

  #readInteger(prefixBits: number): number {
    const most = 2 ** prefixBits - 1
    let value = (this.#block[this.#at++] ?? 0) & most
    if (value < most) return value
    for (let shift = 0; ; shift += 7) {
      const byte = this.#block[this.#at++] ?? 0
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }
}

function nameOf(index: number): string {
  const isStatus = index >= STATUS_FROM && index < STATUS_FROM + STATUSES.length
  return isStatus ? ':status' : `#${index}`
}

/**
 * The code is canonical: symbols by length, within a length by value. Longer codes stand for bytes
 * that no answer of ours has.
 */
const SYMBOLS_BY_LENGTH: ReadonlyMap<number, string> = new Map([
  [5, '012aceiost'],
  [6, ' %-./3456789=A_bdfghlmnpru'],
  [7, ':BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz'],
  [8, '&*,;XZ'],
  [10, '!"()?'],
  [11, "'+|"],
  [12, '#>'],
  [13, '\0$@[]~'],
  [14, '^}'],
  [15, '<`{'],
])

const SYMBOLS = makeSymbols()

function makeSymbols(): ReadonlyMap<string, string> {
  const symbols = new Map<string, string>()
  let code = 0
  for (let length = 5; length <= 15; length += 1) {
    for (const symbol of SYMBOLS_BY_LENGTH.get(length) ?? '') {
      symbols.set(code.toString(2).padStart(length, '0'), symbol)
      code += 1
    }
    code *= 2
  }
  return symbols
}

function decodeHuffman(bytes: Buffer): string {
  let decoded = ''
  let code = ''
  for (const byte of bytes) {
    for (const bit of byte.toString(2).padStart(8, '0')) {
      code += bit
      const symbol = SYMBOLS.get(code)
      if (symbol === undefined) continue
      decoded += symbol
      code = ''
    }
  }
  return decoded
}
