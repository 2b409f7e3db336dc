/** HTTP as text: requests as somebody would type them, answers as `422 hash-mismatch`. */
import { CUT, SILENCE } from './cell.ts'
import { RawCaller } from './raw-caller.ts'

const STATUS_PATTERN = /HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n/g

/** A request head; `host` and `x-kura-client` are there unless `fields` says otherwise. */
export function head(
  line: string,
  fields: readonly string[] = [],
  clientName = 'attacker',
): string {
  const all = ['host: kura', `x-kura-client: ${clientName}`, ...fields]
  return `${line} HTTP/1.1\r\n${all.map((field) => `${field}\r\n`).join('')}\r\n`
}

export function putHead(hash: string, sizeBytes: number, fields: readonly string[] = []): string {
  return head(`PUT /v1/blocks/${hash}`, [`content-length: ${sizeBytes}`, ...fields])
}

/** Every whole answer in the bytes, joined: a smuggled request shows as a second one. */
export function describeAnswers(received: Buffer): string {
  const text = received.toString('latin1')
  const answers: string[] = []
  for (const match of text.matchAll(STATUS_PATTERN)) {
    const [whole, status = '', fields = ''] = match
    const sizeBytes = Number(/^content-length: (\d+)/im.exec(fields)?.[1] ?? 0)
    const from = match.index + whole.length
    const body = text.slice(from, from + sizeBytes)
    if (body.length < sizeBytes) return answers.length === 0 ? CUT : answers.join(' + ')
    const code = /^\{"code":"([a-z-]+)"/.exec(body)?.[1]
    answers.push(code === undefined ? status : `${status} ${code}`)
  }
  return answers.length === 0 ? CUT : answers.join(' + ')
}

/** Sends what `pieces` are, and answers what came until the server ended the connection. */
export async function sendToEnd(
  address: string,
  pieces: readonly (string | Buffer)[],
  options: { readonly halfCloses?: boolean } = {},
): Promise<string> {
  using caller = new RawCaller(address)
  const reading = caller.readUntil(() => false)
  for (const piece of pieces) await caller.write(piece)
  if (options.halfCloses === true) caller.end()
  const how = await reading
  return how === 'silence' ? SILENCE : describeAnswers(caller.received)
}

/** As `sendToEnd`, but goes as soon as there is one whole answer. */
export async function sendForAnswer(
  address: string,
  pieces: readonly (string | Buffer)[],
): Promise<string> {
  using caller = new RawCaller(address)
  const reading = caller.readUntil((received) => describeAnswers(received) !== CUT)
  for (const piece of pieces) await caller.write(piece)
  const how = await reading
  return how === 'silence' ? SILENCE : describeAnswers(caller.received)
}
