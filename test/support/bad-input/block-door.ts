/** Bad input at the application listener of the block transport. */
import { BLOCK_SIZE_BYTES_MAX, hashToBytes, KIB } from '@kura/core'
import { CUT, LEFT, type Attempt, type BadInputCell, type BadInputDoor } from './cell.ts'
import {
  describeOutcomes,
  field,
  frame,
  get,
  getBlocks,
  hello,
  helloMessage,
  put,
  putBlocksMessage,
  putMessage,
  request,
  stat,
  trailer,
} from './frames.ts'
import {
  dribbleToEnd,
  sendAndEnd,
  sendEndless,
  sendForAnswer,
  sendSlowBody,
} from './frame-caller.ts'
import { lazyReaderCells } from './lazy-readers.ts'
import { RawCaller } from './raw-caller.ts'

const VIOLATION = 'protocol-violation'
const COME_BACK = ['overloaded', 'rate-limited']
/** Field 30, which nobody knows. */
const MANY_FIELDS = Buffer.alloc(3 * 100_000, field(30, 1))

/** A cell whose request is some bytes behind a good hello, and whose caller waits for an answer. */
function cell(kind: string, answer: string, bytesOf: (attempt: Attempt) => Buffer): BadInputCell {
  return {
    kind,
    answers: [answer],
    send: async (address, attempt) =>
      await sendForAnswer(address, Buffer.concat([hello, bytesOf(attempt)])),
  }
}

/** The same for a connection that does not start with a good hello. */
function firstCell(
  kind: string,
  answer: string,
  bytesOf: (attempt: Attempt) => Buffer,
): BadInputCell {
  return {
    kind,
    answers: [answer],
    send: async (address, attempt) => await sendForAnswer(address, bytesOf(attempt)),
  }
}

function putStart({ block }: Attempt, sizeBytes = block.bytes.length): Buffer {
  return frame(putMessage(hashToBytes(block.hash), sizeBytes), sizeBytes)
}

const bodies: readonly BadInputCell[] = [
  cell('a wrong hash', 'hash-mismatch', ({ block, other }) => put(other.hash, block.bytes)),
  cell('a wrong CRC', 'payload-damaged', (attempt) => {
    const { bytes, hash } = attempt.block
    return Buffer.concat([putStart(attempt), bytes, trailer(bytes, hashToBytes(hash), 1)])
  }),
  {
    kind: 'a body shorter than its length',
    // Here who ends its half of a connection has gone: there is nobody to answer.
    answers: [CUT],
    send: async (address, attempt) => {
      const start = putStart(attempt, attempt.block.bytes.length + 1)
      return await sendAndEnd(address, Buffer.concat([hello, start, attempt.block.bytes]))
    },
  },
  cell('a body longer than its length', VIOLATION, (attempt) => {
    const { bytes, hash } = attempt.block
    const start = putStart(attempt, bytes.length - 100)
    return Buffer.concat([start, bytes, trailer(bytes, hashToBytes(hash))])
  }),
  {
    kind: 'an endless body',
    answers: [VIOLATION],
    sendsOn: true,
    send: async (address, attempt) => {
      const start = putStart(attempt, BLOCK_SIZE_BYTES_MAX)
      return await sendEndless(address, Buffer.concat([hello, start]))
    },
  },
  cell('a body of 0 bytes', 'block-empty', (attempt) => putStart(attempt, 0)),
  cell('a body of 4 MiB + 1', 'block-too-large', (attempt) =>
    putStart(attempt, BLOCK_SIZE_BYTES_MAX + 1),
  ),
  cell('a size that is not that of the payload', VIOLATION, ({ block }) => {
    const message = putMessage(hashToBytes(block.hash), block.bytes.length - 1)
    return Buffer.concat([frame(message, block.bytes.length), block.bytes])
  }),
  {
    kind: 'a disconnect in mid-body',
    answers: [LEFT],
    send: async (address, attempt) => {
      using caller = new RawCaller(address)
      await caller.write(Buffer.concat([hello, putStart(attempt), attempt.block.bytes]))
      return LEFT
    },
  },
]

/** Blocks that are said to be of these sizes, in front of one. */
function putTogether(
  { block }: Attempt,
  sizesBytes: readonly number[],
  hash: Uint8Array = hashToBytes(block.hash),
): Buffer {
  const { bytes } = block
  const blocks = sizesBytes.map((sizeBytes) => ({ sizeBytes, hash }))
  const start = frame(putBlocksMessage(blocks), bytes.length)
  return Buffer.concat([start, bytes, trailer(bytes, hashToBytes(block.hash))])
}

const groups: readonly BadInputCell[] = [
  cell('blocks of more bytes than came', 'invalid-argument', (attempt) =>
    putTogether(attempt, [attempt.block.bytes.length, 1]),
  ),
  cell('blocks of fewer bytes than came', 'invalid-argument', (attempt) =>
    putTogether(attempt, [1, attempt.block.bytes.length - 2]),
  ),
  cell('a block of 4 GiB among others', 'invalid-argument', (attempt) =>
    putTogether(attempt, [attempt.block.bytes.length - 1, 0xffffffff]),
  ),
  cell('a block of 0 bytes among others', 'invalid-argument', (attempt) =>
    putTogether(attempt, [attempt.block.bytes.length, 0]),
  ),
  cell('too many blocks together', 'invalid-argument', (attempt) =>
    putTogether(attempt, [...new Array<number>(300).fill(1), attempt.block.bytes.length - 300]),
  ),
  cell('no blocks together', 'invalid-argument', (attempt) => putTogether(attempt, [])),
  cell('a malformed hash among blocks', 'invalid-hash', (attempt) =>
    putTogether(attempt, [attempt.block.bytes.length], Buffer.alloc(31)),
  ),
  // Who is left out of the answer puts his block alone, and is told then.
  cell('a wrong hash among blocks', 'put together', (attempt) =>
    putTogether(attempt, [attempt.block.bytes.length], hashToBytes(attempt.other.hash)),
  ),
  cell('a wrong CRC among blocks', 'put together', (attempt) =>
    putTogether(attempt, [attempt.block.bytes.length]),
  ),
  cell('gets of nothing', 'invalid-argument', () => getBlocks([])),
  cell('too many gets together', 'invalid-argument', ({ stored }) =>
    getBlocks(new Array<Uint8Array>(300).fill(hashToBytes(stored.hash))),
  ),
  cell('an unknown hash among gets', 'got together', ({ block, stored }) =>
    getBlocks([hashToBytes(block.hash), hashToBytes(stored.hash)]),
  ),
  cell('a malformed hash among gets', 'invalid-hash', ({ block, stored }) =>
    getBlocks([hashToBytes(stored.hash), hashToBytes(block.hash).subarray(1)]),
  ),
]

const requests: readonly BadInputCell[] = [
  cell('a malformed hash', 'invalid-hash', ({ block }) => get(hashToBytes(block.hash).subarray(1))),
  cell('an unknown hash', 'not-found', ({ block }) => stat(hashToBytes(block.hash))),
  cell('an operation of another listener', VIOLATION, () => frame(request('writeRecord', []))),
  cell('no operation', VIOLATION, () => frame(Buffer.alloc(0))),
  cell('a second hello', VIOLATION, () => hello),
  cell('a message that does not decode', VIOLATION, ({ block }) =>
    frame(Buffer.concat([Buffer.of(0x5a, 0x7f), block.bytes.subarray(0, 20)])),
  ),
  cell('a huge message', VIOLATION, () => frame(Buffer.alloc(17 * KIB))),
  cell('a message of 100,000 unknown fields', VIOLATION, () => frame(MANY_FIELDS)),
  cell('a message with 5,000 fields beside the hash', 'not-found', ({ block }) => {
    const fields = [field(1, hashToBytes(block.hash)), MANY_FIELDS.subarray(0, 3 * 5_000)]
    return frame(request('statBlock', fields))
  }),
  firstCell('a request before hello', VIOLATION, ({ stored }) => get(hashToBytes(stored.hash))),
  firstCell('another protocol version', VIOLATION, () => frame(helloMessage({ version: 99 }))),
  firstCell('another pocket', 'identity-mismatch', () => frame(helloMessage({ pocket: 'other' }))),
]

const frames: readonly BadInputCell[] = [
  firstCell('garbage', VIOLATION, ({ block }) => block.bytes),
  cell('garbage behind hello', VIOLATION, ({ block }) => block.bytes),
  cell('another magic', VIOLATION, () => frame(helloMessage(), 0, { magic: 1 })),
  cell('a frame of an unknown kind', VIOLATION, () => frame(helloMessage(), 0, { kind: 9 })),
  cell('an answer for a request', VIOLATION, () => frame(helloMessage(), 0, { kind: 2 })),
  cell('unknown flags', VIOLATION, () => frame(helloMessage(), 0, { flags: 0x80 })),
  cell('a frame that fails its checksum', VIOLATION, () => frame(helloMessage(), 0, { crc: 7 })),
  cell('a message length of 4 GiB', VIOLATION, () =>
    frame(helloMessage(), 0, { messageSizeBytes: 0xffffffff }),
  ),
  cell('a payload length of 4 GiB', 'block-too-large', () =>
    frame(helloMessage(), 0, { payloadSizeBytes: 0xffffffff }),
  ),
  cell('a message shorter than its frame says', VIOLATION, ({ block }) => {
    const message = putMessage(hashToBytes(block.hash), block.bytes.length)
    const messageSizeBytes = message.length + 100
    return Buffer.concat([frame(message, 0, { messageSizeBytes }), block.bytes])
  }),
  cell('a message longer than its frame says', VIOLATION, ({ block }) => {
    const message = putMessage(hashToBytes(block.hash), block.bytes.length)
    return frame(message, 0, { messageSizeBytes: message.length - 10 })
  }),
  ...[3, 20, 35].map((length): BadInputCell => ({
    kind: `a frame that ends after ${length} bytes`,
    answers: [CUT],
    send: async (address) => await sendAndEnd(address, hello.subarray(0, length)),
  })),
]

function helloOf({ clientName }: Attempt): Buffer {
  return frame(helloMessage({ clientName }))
}

const slow: readonly BadInputCell[] = [
  {
    kind: 'a slow header',
    isSlow: true,
    answers: [CUT],
    send: async (address) => await dribbleToEnd(address, Buffer.alloc(0), hello),
  },
  {
    kind: 'a slow message',
    isSlow: true,
    answers: [CUT],
    send: async (address, attempt) => {
      const start = putStart(attempt)
      const first = Buffer.concat([hello, start.subarray(0, 24)])
      return await dribbleToEnd(address, first, start.subarray(24))
    },
  },
  {
    kind: 'a slow body',
    isSlow: true,
    holdsBuffer: true,
    answers: ['body-too-slow', ...COME_BACK],
    send: async (address, attempt) => {
      const start = putStart(attempt, BLOCK_SIZE_BYTES_MAX)
      const first = Buffer.concat([helloOf(attempt), start])
      return await sendSlowBody(address, first, attempt.block.bytes)
    },
  },
  ...lazyReaderCells({
    gets: (attempt, count) => {
      const gets = Array.from({ length: count }, () => get(hashToBytes(attempt.stored.hash)))
      return Buffer.concat([helloOf(attempt), ...gets])
    },
    countAnswers: (received) => describeOutcomes(received).split(' + ').length,
  }),
]

export const blockDoor: BadInputDoor = {
  name: 'block',
  cells: [...bodies, ...groups, ...requests, ...frames, ...slow],
}
