/** Bad input at the HTTP door. */
import { setTimeout as sleep } from 'node:timers/promises'
import { BLOCK_SIZE_BYTES_MAX, KIB } from '@kura/core'
import { CUT, LEFT, SILENCE, type BadInputCell, type BadInputDoor } from './cell.ts'
import { describeAnswers, head, putHead, sendForAnswer, sendToEnd } from './http-caller.ts'
import { lazyReaderCells } from './lazy-readers.ts'
import { RawCaller } from './raw-caller.ts'
import { smugglingCells } from './smuggling.ts'

const HUGE = 10 ** 12
const TOO_LARGE = Buffer.alloc(BLOCK_SIZE_BYTES_MAX + 1)
const PIECE = Buffer.alloc(64 * KIB)
/** Where a slow caller meets others of its kind, some are told to come back instead. */
const COME_BACK = ['503 overloaded', '429 rate-limited']

const MANY_FIELDS = Array.from({ length: 100_000 }, (_unused, index) => `${index}: a`)
const MANY_HEADERS = Buffer.from(head('GET /healthz', MANY_FIELDS))

const bodies: readonly BadInputCell[] = [
  {
    kind: 'a wrong hash',
    answers: ['422 hash-mismatch'],
    send: async (address, { block, other }) =>
      await sendForAnswer(address, [putHead(other.hash, block.bytes.length), block.bytes]),
  },
  {
    kind: 'a body shorter than its length',
    answers: ['400 invalid-argument'],
    send: async (address, { block }) =>
      await sendToEnd(address, [putHead(block.hash, block.bytes.length + 1), block.bytes], {
        halfCloses: true,
      }),
  },
  {
    kind: 'a body longer than its length',
    // Its first bytes are a body of another hash; the rest comes with them or behind the answer.
    answers: [
      '400 invalid-argument',
      '422 hash-mismatch + 400 invalid-argument',
      '422 hash-mismatch',
    ],
    send: async (address, { block }) =>
      await sendToEnd(address, [putHead(block.hash, block.bytes.length - 9), block.bytes]),
  },
  {
    kind: 'an endless body',
    // Its patience over, the server resets the connection; the answer may be lost with it.
    answers: ['413 block-too-large', CUT],
    send: async (address, { block }) => await sendEndless(address, putHead(block.hash, HUGE)),
  },
  {
    kind: 'an endless body in chunks',
    answers: ['411 length-required'],
    send: async (address, { block }) => {
      const line = `PUT /v1/blocks/${block.hash}`
      return await sendForAnswer(address, [
        `${head(line, ['transfer-encoding: chunked'])}10000\r\n`,
        PIECE,
      ])
    },
  },
  {
    kind: 'a body of 0 bytes',
    answers: ['400 block-empty'],
    send: async (address, { block }) => await sendForAnswer(address, [putHead(block.hash, 0)]),
  },
  {
    kind: 'a body of 4 MiB + 1',
    answers: ['413 block-too-large'],
    send: async (address, { block }) =>
      await sendForAnswer(address, [putHead(block.hash, TOO_LARGE.length), TOO_LARGE]),
  },
  {
    kind: 'a disconnect in mid-body',
    answers: [LEFT],
    send: async (address, { block }) => {
      using caller = new RawCaller(address)
      await caller.write(putHead(block.hash, block.bytes.length))
      await caller.write(block.bytes.subarray(0, block.bytes.length / 2))
      return LEFT
    },
  },
]

const requests: readonly BadInputCell[] = [
  {
    kind: 'a malformed hash',
    answers: ['400 invalid-hash'],
    send: async (address, { serial }) =>
      await sendForAnswer(address, [head(`GET /v1/blocks/${serial}z`)]),
  },
  {
    kind: 'an unknown hash',
    answers: ['404 not-found'],
    send: async (address, { block }) =>
      await sendForAnswer(address, [head(`GET /v1/blocks/${block.hash}`)]),
  },
  {
    kind: 'an unknown path',
    answers: ['404 path-unknown'],
    send: async (address) => await sendForAnswer(address, [head('GET /v1/blobs/../../etc')]),
  },
  {
    kind: 'a method that a block does not have',
    answers: ['405 method-not-allowed'],
    send: async (address, { stored }) =>
      await sendForAnswer(address, [head(`DELETE /v1/blocks/${stored.hash}`)]),
  },
  {
    kind: 'a method that HTTP does not have',
    answers: ['400 invalid-argument'],
    send: async (address) => await sendToEnd(address, [head('BREW /v1/blocks')]),
  },
  {
    kind: 'huge headers',
    answers: ['431 headers-too-large'],
    send: async (address) =>
      await sendToEnd(address, [head('GET /healthz', [`x-a: ${'b'.repeat(40 * KIB)}`])]),
  },
  {
    kind: 'many headers',
    answers: ['431 headers-too-large'],
    send: async (address) => {
      const fields = Array.from({ length: 120 }, (_unused, index) => `x-${index}: a`)
      return await sendForAnswer(address, [head('GET /v1/blocks', fields)])
    },
  },
  {
    kind: '100,000 headers',
    answers: ['431 headers-too-large'],
    sendsOn: true,
    send: async (address) => await sendToEnd(address, [MANY_HEADERS]),
  },
  {
    kind: 'garbage',
    answers: ['400 invalid-argument'],
    send: async (address, { block }) => await sendToEnd(address, [block.bytes]),
  },
  {
    kind: 'a request that ends in its middle',
    answers: ['400 invalid-argument'],
    send: async (address) => await sendToEnd(address, ['GET /v1/blo'], { halfCloses: true }),
  },
  {
    kind: 'the preface of HTTP/2',
    answers: ['400 invalid-argument'],
    send: async (address) => await sendToEnd(address, ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n']),
  },
]

const slow: readonly BadInputCell[] = [
  {
    kind: 'a slow header',
    isSlow: true,
    answers: ['408 body-too-slow'],
    send: async (address, { block }) => {
      using caller = new RawCaller(address)
      const reading = caller.readUntil(() => false)
      await caller.dribble(putHead(block.hash, 1), 500)
      return (await reading) === 'silence' ? SILENCE : describeAnswers(caller.received)
    },
  },
  {
    kind: 'a slow body',
    isSlow: true,
    holdsBuffer: true,
    answers: ['408 body-too-slow', ...COME_BACK],
    send: async (address, { block, clientName }) => {
      using caller = new RawCaller(address)
      const reading = caller.readUntil((received) => describeAnswers(received) !== CUT)
      const length = `content-length: ${BLOCK_SIZE_BYTES_MAX}`
      await caller.write(head(`PUT /v1/blocks/${block.hash}`, [length], clientName))
      const sending = caller.dribble(block.bytes, 100)
      const how = await reading
      caller[Symbol.dispose]()
      await sending
      return how === 'silence' ? SILENCE : describeAnswers(caller.received)
    },
  },
  ...lazyReaderCells({
    gets: ({ stored, clientName }, count) =>
      Buffer.from(head(`GET /v1/blocks/${stored.hash}`, [], clientName).repeat(count)),
    countAnswers: (received) => describeAnswers(received).split(' + ').length,
  }),
  {
    kind: 'a refusal that is read late',
    isSlow: true,
    sendsOn: true,
    answers: ['413 block-too-large'],
    send: async (address, { block }) => {
      using caller = new RawCaller(address)
      await caller.write(putHead(block.hash, TOO_LARGE.length))
      for (let part = 0; part < 4; part += 1) {
        await caller.write(
          TOO_LARGE.subarray((part * TOO_LARGE.length) / 4, ((part + 1) * TOO_LARGE.length) / 4),
        )
        await sleep(700)
      }
      await caller.readUntil((received) => describeAnswers(received) !== CUT)
      return describeAnswers(caller.received)
    },
  },
]

async function sendEndless(address: string, start: string): Promise<string> {
  using caller = new RawCaller(address)
  const reading = caller.readUntil(() => false)
  await caller.write(start)
  while (caller.takesBytes) await caller.write(PIECE)
  await reading
  return describeAnswers(caller.received)
}

export const httpDoor: BadInputDoor = {
  name: 'http',
  cells: [...bodies, ...requests, ...smugglingCells, ...slow],
}
