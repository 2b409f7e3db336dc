/** A rolling hash of all that happened: two runs of one plan must have the same. */
const OFFSET = 0x811c9dc5
const PRIME = 0x01000193
const OTHER_PRIME = 0x85ebca6b
/** Lines kept for the report of a failure, the newest. */
const LINES_MAX = 20_000

export class Trace {
  readonly #lines: string[] | undefined
  #lineCount = 0
  #one = OFFSET
  #other = OFFSET ^ 0x5bd1e995
  readonly #time = new Float64Array(1)
  readonly #timeWords = new Uint32Array(this.#time.buffer)

  constructor(options: { readonly record: boolean }) {
    this.#lines = options.record ? [] : undefined
  }

  addTime(atMs: number): void {
    this.#time[0] = atMs
    this.addNumber(this.#timeWords[0] as number)
    this.addNumber(this.#timeWords[1] as number)
  }

  addNumber(value: number): void {
    this.#one = Math.imul(this.#one ^ value, PRIME)
    this.#other = Math.imul((this.#other ^ value) + (this.#other >>> 15), OTHER_PRIME)
  }

  addText(text: string): void {
    for (let at = 0; at < text.length; at += 1) this.addNumber(text.charCodeAt(at))
    this.addNumber(text.length)
  }

  /** `describe` is called only where lines are kept. */
  keepLine(describe: () => string): void {
    if (this.#lines === undefined) return
    this.#lines[this.#lineCount % LINES_MAX] = describe()
    this.#lineCount += 1
  }

  /** Oldest first. */
  lines(): readonly string[] {
    const lines = this.#lines ?? []
    const start = this.#lineCount <= LINES_MAX ? 0 : this.#lineCount % LINES_MAX
    return [...lines.slice(start), ...lines.slice(0, start)]
  }

  hash(): string {
    return hex(this.#one) + hex(this.#other)
  }
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0')
}
