/**
 * Requests whose end two readers could see at different places. Each is followed by a request that
 * must never be answered: there is one refusal, and the connection ends.
 */
import type { BadInputCell } from './cell.ts'
import { head, sendToEnd } from './http-caller.ts'

const MALFORMED = '400 invalid-argument'
const SMUGGLED = head('GET /healthz')

/** Field lines of an upload, `\r\n` between them, and the answer. */
const FORMS: readonly (readonly [string, string, string])[] = [
  ['a length and chunks', 'content-length: 5\r\ntransfer-encoding: chunked', MALFORMED],
  ['chunks and a length', 'transfer-encoding: chunked\r\ncontent-length: 5', MALFORMED],
  ['two lengths', 'content-length: 5\r\ncontent-length: 0', MALFORMED],
  ['the same length twice', 'content-length: 5\r\ncontent-length: 5', MALFORMED],
  ['a list of lengths', 'content-length: 5, 5', MALFORMED],
  ['a length with a sign', 'content-length: +5', MALFORMED],
  ['a negative length', 'content-length: -5', MALFORMED],
  ['a length in hex', 'content-length: 0x5', MALFORMED],
  ['a length beyond all numbers', `content-length: ${'9'.repeat(40)}`, MALFORMED],
  ['a space before the colon', 'content-length : 5', MALFORMED],
  ['a field name with a NUL', 'content\0length: 5', MALFORMED],
  ['a value with a NUL', 'x-a: b\0c\r\ncontent-length: 5', MALFORMED],
  ['a lone carriage return', 'x-a: b\rcontent-length: 5', MALFORMED],
  ['a folded field', 'x-a: b\r\n content-length: 5', MALFORMED],
  ['chunked that is not last', 'transfer-encoding: chunked, gzip', MALFORMED],
  ['chunked twice', 'transfer-encoding: chunked, chunked', MALFORMED],
  ['an unknown coding', 'transfer-encoding: xchunked', MALFORMED],
  ['a bad chunk', 'transfer-encoding: chunked', MALFORMED],
]

export const smugglingCells: readonly BadInputCell[] = FORMS.map(([kind, fields, answer]) => ({
  kind: `smuggling: ${kind}`,
  answers: [answer],
  send: async (address, { block }) => {
    const upload = `PUT /v1/blocks/${block.hash} HTTP/1.1\r\nhost: kura\r\n${fields}\r\n\r\n`
    return await sendToEnd(address, [`${upload}zz\r\n\r\n${SMUGGLED}`])
  },
}))
