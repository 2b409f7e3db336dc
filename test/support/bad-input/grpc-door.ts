/** Bad input at the gRPC door: messages, calls, and callers who take their time. */
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { BLOCK_SIZE_BYTES_MAX, hashToBytes, KIB, MIB } from '@kura/core'
import { CUT, LEFT, SILENCE, type Attempt, type BadInputCell, type BadInputDoor } from './cell.ts'
import { field } from './frames.ts'
import {
  afterStart,
  call,
  hashRequest,
  message,
  putRequest,
  sendForAnswer,
  sendUpload,
  usualFields,
  wholeCall,
} from './grpc-caller.ts'
import type { Fields } from './hpack.ts'
import { http2Cells } from './http2-door.ts'
import {
  data,
  describeFrames,
  frame2,
  outcomesOf,
  SETTING,
  start,
  TYPE,
  uint32,
} from './http2-frames.ts'
import { lazyReaderCells } from './lazy-readers.ts'
import { RawCaller } from './raw-caller.ts'

const PIECE = Buffer.alloc(16 * KIB)
/** Where a slow caller meets others of its kind, some are told to come back instead. */
const COME_BACK = ['8 overloaded', '8 rate-limited']
const CALLS_AT_ONCE = 20
const GOODBYE = 'goaway: no error'

/** A cell whose request is one call with some bytes for its message. */
function cell(
  kind: string,
  answer: string,
  method: string,
  bytesOf: (attempt: Attempt) => Buffer,
): BadInputCell {
  return {
    kind,
    answers: [answer],
    send: async (address, attempt) =>
      await sendForAnswer(address, afterStart(wholeCall(method, bytesOf(attempt)))),
  }
}

/** The same for a call whose header is bad. */
function headCell(kind: string, answer: string, fieldsOf: (attempt: Attempt) => Fields) {
  return {
    kind,
    answers: [answer],
    send: async (address: string, attempt: Attempt) => {
      const fields = fieldsOf(attempt)
      const bytes = message(hashRequest(hashToBytes(attempt.stored.hash)))
      return await sendForAnswer(address, afterStart(wholeCall('Stat', bytes, { fields })))
    },
  }
}

function goodPut({ block }: Attempt): Buffer {
  return putRequest(hashToBytes(block.hash), block.bytes)
}

function* endless(first: Buffer): Generator<Buffer> {
  yield first
  for (;;) yield PIECE
}

function* piecesOf(bytes: Buffer): Generator<Buffer> {
  for (let from = 0; from < bytes.length; from += PIECE.length) {
    yield bytes.subarray(from, from + PIECE.length)
  }
}

const tooLarge = message(putRequest(Buffer.alloc(32, 1), Buffer.alloc(BLOCK_SIZE_BYTES_MAX + 1)))
const oversized = message(putRequest(Buffer.alloc(32, 1), Buffer.alloc(12 * MIB)))
const bomb = message(gzipSync(Buffer.alloc(64 * MIB)), { flag: 1 })

const messages: readonly BadInputCell[] = [
  cell('a wrong hash', '3 hash-mismatch', 'Put', ({ block, other }) =>
    message(putRequest(hashToBytes(other.hash), block.bytes)),
  ),
  cell('a wrong hash behind the block', '3 hash-mismatch', 'Put', ({ block, other }) =>
    message(Buffer.concat([field(2, block.bytes), field(1, hashToBytes(other.hash))])),
  ),
  cell('a message shorter than its length', '3 body-incomplete', 'Put', (attempt) =>
    message(goodPut(attempt)).subarray(0, -1),
  ),
  cell('a message longer than its length', '3 invalid-argument', 'Put', (attempt) =>
    message(goodPut(attempt), { sizeBytes: goodPut(attempt).length - 9 }),
  ),
  cell('bytes behind the message', '3 protocol-violation', 'Put', (attempt) =>
    Buffer.concat([message(goodPut(attempt)), Buffer.alloc(9)]),
  ),
  cell('two messages', '3 protocol-violation', 'Put', (attempt) =>
    Buffer.concat([message(goodPut(attempt)), message(goodPut(attempt))]),
  ),
  {
    kind: 'an endless message',
    answers: ['3 block-too-large'],
    send: async (address, { block }) => {
      const head = Buffer.concat([field(1, hashToBytes(block.hash)), Buffer.of(0x12)])
      const first = message(head, { sizeBytes: 0xffffffff })
      return await sendUpload(address, { pieces: endless(first), staysOpen: true })
    },
  },
  {
    kind: 'an endless body',
    answers: ['3 protocol-violation'],
    send: async (address, attempt) =>
      await sendUpload(address, { pieces: endless(message(goodPut(attempt))), staysOpen: true }),
  },
  cell('a block of 0 bytes', '3 block-empty', 'Put', ({ block }) =>
    message(putRequest(hashToBytes(block.hash), Buffer.alloc(0))),
  ),
  cell('a message of 0 bytes', '3 block-empty', 'Put', () => message(Buffer.alloc(0))),
  cell('no message', '3 body-incomplete', 'Put', () => Buffer.alloc(0)),
  {
    kind: 'a body of 4 MiB + 1',
    answers: ['3 block-too-large'],
    send: async (address) => await sendUpload(address, { pieces: piecesOf(tooLarge) }),
  },
  {
    kind: 'an oversized message',
    answers: ['3 block-too-large'],
    send: async (address) => await sendUpload(address, { pieces: piecesOf(oversized) }),
  },
  cell('an oversized question', '3 invalid-argument', 'Stat', () => message(Buffer.alloc(50_000))),
  cell('a compressed message', '12 unimplemented', 'Put', (attempt) =>
    message(gzipSync(goodPut(attempt)), { flag: 1 }),
  ),
  cell('a bomb of 64 MiB in 64 KiB', '12 unimplemented', 'Put', () => bomb.subarray(0, 60_000)),
  {
    kind: 'a compressed question that says so',
    answers: ['12 unimplemented'],
    send: async (address, { stored }) => {
      const bytes = message(gzipSync(hashRequest(hashToBytes(stored.hash))), { flag: 1 })
      const more: Fields = [['grpc-encoding', 'gzip']]
      return await sendForAnswer(address, afterStart(wholeCall('Stat', bytes, { more })))
    },
  },
  cell('an unknown flag', '3 protocol-violation', 'Put', (attempt) =>
    message(goodPut(attempt), { flag: 0x80 }),
  ),
  cell('a message length of 4 GiB', '3 block-too-large', 'Put', (attempt) =>
    message(goodPut(attempt), { sizeBytes: 0xffffffff }),
  ),
  cell('a block length of 4 GiB', '3 invalid-argument', 'Put', ({ block }) => {
    const lie = Buffer.of(0x12, 0xff, 0xff, 0xff, 0xff, 0x0f)
    return message(Buffer.concat([field(1, hashToBytes(block.hash)), lie, block.bytes]))
  }),
  cell('a message that does not decode', '3 invalid-argument', 'Put', () =>
    message(Buffer.alloc(500, 0xff)),
  ),
  cell('a message of 2,000 unknown fields', '3 invalid-argument', 'Put', () =>
    message(Buffer.concat(Array.from({ length: 2_000 }, (_unused, at) => field(9 + at, 1)))),
  ),
  cell('a malformed hash', '3 invalid-hash', 'Get', ({ block }) =>
    message(hashRequest(hashToBytes(block.hash).subarray(1))),
  ),
  cell('a malformed hash with a block', '3 invalid-hash', 'Put', ({ block }) =>
    message(putRequest(hashToBytes(block.hash).subarray(1), block.bytes)),
  ),
  cell('an unknown hash', '5 not-found', 'Get', ({ block }) =>
    message(hashRequest(hashToBytes(block.hash))),
  ),
  cell('an unknown hash in question', '5 not-found', 'Stat', ({ block }) =>
    message(hashRequest(hashToBytes(block.hash))),
  ),
]

const calls: readonly BadInputCell[] = [
  cell('an unknown method', '12 unimplemented', 'Delete', (attempt) => message(goodPut(attempt))),
  cell('an unknown service', '12 unimplemented', '/kura.v1.Other/Put', (attempt) =>
    message(goodPut(attempt)),
  ),
  cell('an unknown path', '12 unimplemented', '/../../etc/passwd', () => message(Buffer.alloc(9))),
  headCell('another HTTP method', '415', () => {
    const [, ...others] = usualFields('Stat')
    return [[':method', 'GET'], ...others]
  }),
  headCell('another content type', '415', () => [
    ...usualFields('Stat').filter(([name]) => name !== 'content-type'),
    ['content-type', 'application/json'],
  ]),
  headCell('a malformed deadline', '3 invalid-argument', () => [
    ...usualFields('Stat'),
    ['grpc-timeout', 'soon'],
  ]),
  headCell('a deadline that has passed', '4 deadline-exceeded', () => [
    ...usualFields('Stat'),
    ['grpc-timeout', '0n'],
  ]),
  {
    kind: 'a disconnect in mid-message',
    answers: [LEFT],
    send: async (address, attempt) => {
      using caller = new RawCaller(address)
      const half = message(goodPut(attempt)).subarray(0, 1_000)
      await caller.write(afterStart(call('Put'), data(half)))
      return LEFT
    },
  },
  {
    kind: 'a call cancelled in mid-message',
    answers: ['5 not-found'],
    send: async (address, attempt) => {
      const half = message(goodPut(attempt)).subarray(0, 1_000)
      const reset = frame2({ type: TYPE.reset, stream: 1 }, uint32(8))
      // Asked behind it, so that there is something to wait for.
      const question = message(hashRequest(hashToBytes(attempt.block.hash)))
      const next = wholeCall('Stat', question, { stream: 3 })
      return await sendForAnswer(address, afterStart(call('Put'), data(half), reset, next))
    },
  },
]

const slow: readonly BadInputCell[] = [
  {
    kind: 'a slow preface',
    isSlow: true,
    answers: [GOODBYE],
    send: async (address) => await dribbleToEnd(address, Buffer.alloc(0), start()),
  },
  {
    kind: 'a slow header',
    isSlow: true,
    answers: [GOODBYE],
    send: async (address) => await dribbleToEnd(address, start(), call('Put', { ends: true })),
  },
  {
    kind: 'a header that goes on in small frames',
    isSlow: true,
    answers: [GOODBYE],
    send: async (address) => {
      const begun = frame2({ type: TYPE.headers, stream: 1 }, Buffer.of(0))
      const next = frame2({ type: TYPE.continuation, stream: 1 }, Buffer.of(1))
      return await dribbleToEnd(address, afterStart(begun), Buffer.alloc(400, next))
    },
  },
  {
    kind: 'calls that never send their message',
    isSlow: true,
    answers: ['4 body-too-slow'],
    requestsEach: CALLS_AT_ONCE,
    send: async (address) => {
      const streams = Array.from({ length: CALLS_AT_ONCE }, (_unused, at) => 1 + 2 * at)
      const calls = streams.map((stream) => call(stream % 4 === 1 ? 'Put' : 'Stat', { stream }))
      return await sendForAnswer(address, afterStart(...calls))
    },
  },
  {
    kind: 'a slow body',
    isSlow: true,
    holdsBuffer: true,
    answers: ['4 body-too-slow', ...COME_BACK],
    send: async (address, attempt) => {
      using caller = new RawCaller(address)
      const reading = caller.readUntil((received) => describeFrames(received) !== CUT)
      const slowBlock = Buffer.alloc(MIB, attempt.block.bytes)
      const bytes = message(putRequest(hashToBytes(attempt.block.hash), slowBlock))
      await caller.write(afterStart(call('Put', attempt), data(bytes.subarray(0, 50))))
      const rest = Array.from(bytes.subarray(50, 250), (byte) => data(Buffer.of(byte)))
      const sending = caller.dribble(Buffer.concat(rest), 10)
      const how = await reading
      caller[Symbol.dispose]()
      await sending
      return how === 'silence' ? SILENCE : describeFrames(caller.received)
    },
  },
  {
    kind: 'a window that stays shut',
    isSlow: true,
    holdsBuffer: true,
    answers: ['reset: cancel', ...COME_BACK],
    send: async (address, { stored, clientName }) => {
      const question = message(hashRequest(hashToBytes(stored.hash)))
      const shut = start([[SETTING.windowBytes, 0]])
      return await sendForAnswer(
        address,
        Buffer.concat([shut, wholeCall('Get', question, { clientName })]),
      )
    },
  },
  {
    kind: 'a window that opens by single bytes',
    isSlow: true,
    holdsBuffer: true,
    answers: ['reset: cancel', ...COME_BACK],
    send: async (address, { stored, clientName }) => {
      using caller = new RawCaller(address)
      const reading = caller.readUntil((received) => describeFrames(received) !== CUT)
      const question = message(hashRequest(hashToBytes(stored.hash)))
      const shut = start([[SETTING.windowBytes, 0]])
      await caller.write(Buffer.concat([shut, wholeCall('Get', question, { clientName })]))
      const update = frame2({ type: TYPE.windowUpdate, stream: 1 }, uint32(1))
      for (let count = 0; count < 100 && describeFrames(caller.received) === CUT; count += 1) {
        await caller.write(update)
        await sleep(100)
      }
      return (await reading) === 'silence' ? SILENCE : describeFrames(caller.received)
    },
  },
  ...lazyReaderCells({
    gets: ({ stored, clientName }, count) => largeGets(stored.hash, { count, clientName }),
    countAnswers: (received) => outcomesOf(received).length,
  }),
]

/** Gets of a large block by a caller who has opened all its windows. */
function largeGets(
  hash: Attempt['stored']['hash'],
  { count, clientName }: { readonly count: number; readonly clientName: string },
): Buffer {
  const widest = 2 ** 31 - 1
  const open = [
    start([[SETTING.windowBytes, widest]]),
    frame2({ type: TYPE.windowUpdate }, uint32(widest - 65_535)),
  ]
  const question = message(hashRequest(hashToBytes(hash)))
  const gets = Array.from({ length: count }, (_unused, at) =>
    wholeCall('Get', question, { stream: 1 + 2 * at, clientName }),
  )
  return Buffer.concat([...open, ...gets])
}

async function dribbleToEnd(address: string, first: Buffer, slowly: Buffer): Promise<string> {
  using caller = new RawCaller(address)
  const reading = caller.readUntil(() => false)
  await caller.write(first)
  await caller.dribble(slowly, 500)
  return (await reading) === 'silence' ? SILENCE : describeFrames(caller.received)
}

export const grpcDoor: BadInputDoor = {
  name: 'grpc',
  cells: [...messages, ...calls, ...http2Cells, ...slow],
}
