/** Bad input at the listener of a storage node, from somebody inside the zone who went mad. */
import { BLOCK_SIZE_BYTES_MAX, hashToBytes, KIB } from '@kura/core'
import { CUT, LEFT, type Attempt, type BadInputCell, type BadInputDoor } from './cell.ts'
import {
  dribbleToEnd,
  sendAndEnd,
  sendEndless,
  sendForAnswer,
  sendSlowBody,
} from './frame-caller.ts'
import {
  frame,
  frontendHello,
  get,
  hello,
  helloMessage,
  put,
  readRecord,
  readRecords,
  request,
  trailer,
  writeMessage,
  writeRecordsMessage,
} from './frames.ts'
import { RawCaller } from './raw-caller.ts'

const VIOLATION = 'protocol-violation'
const ANOTHER_PLACE = 'identity-mismatch'
const NOBODYS_UUID = '01234567-89ab-4def-8123-456789abcdef'

/** A cell whose request is some bytes behind a good hello. */
function cell(kind: string, answer: string, bytesOf: (attempt: Attempt) => Buffer): BadInputCell {
  return {
    kind,
    answers: [answer],
    send: async (address, attempt) => {
      const greeting = frontendHello(attempt.extent)
      return await sendForAnswer(address, Buffer.concat([greeting, bytesOf(attempt)]))
    },
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

function writeStart({ extent, block }: Attempt, sizeBytes = block.bytes.length): Buffer {
  return frame(writeMessage(extent, sizeBytes), sizeBytes)
}

function write(attempt: Attempt): Buffer {
  const { bytes, hash } = attempt.block
  return Buffer.concat([writeStart(attempt), bytes, trailer(bytes, hashToBytes(hash))])
}

/** A whole record for another address than there is. */
function misdirected(
  kind: string,
  answer: string,
  change: Partial<Attempt['extent']>,
): BadInputCell {
  return cell(kind, answer, (attempt) => {
    const extent = { ...attempt.extent, ...change }
    const { bytes, hash } = attempt.block
    const start = frame(writeMessage(extent, bytes.length), bytes.length)
    return Buffer.concat([start, bytes, trailer(bytes, hashToBytes(hash))])
  })
}

/** Records that are said to be of these sizes, in front of one block. */
function together(
  { extent, block }: Attempt,
  sizesBytes: readonly number[],
  hash: Uint8Array = hashToBytes(block.hash),
): Buffer {
  const { bytes } = block
  const records = sizesBytes.map((sizeBytes) => ({ sizeBytes, hash }))
  const start = frame(writeRecordsMessage(extent, records), bytes.length)
  return Buffer.concat([start, bytes, trailer(bytes, hashToBytes(block.hash))])
}

const groups: readonly BadInputCell[] = [
  cell('records of more bytes than came', 'invalid-argument', (attempt) =>
    together(attempt, [attempt.block.bytes.length, 1]),
  ),
  cell('records of fewer bytes than came', 'invalid-argument', (attempt) =>
    together(attempt, [1, attempt.block.bytes.length - 2]),
  ),
  cell('a record of 4 GiB among others', 'invalid-argument', (attempt) =>
    together(attempt, [attempt.block.bytes.length - 1, 0xffffffff]),
  ),
  cell('a record of 0 bytes among others', 'invalid-argument', (attempt) =>
    together(attempt, [attempt.block.bytes.length, 0]),
  ),
  cell('too many records', 'invalid-argument', (attempt) =>
    together(attempt, [...new Array<number>(300).fill(1), attempt.block.bytes.length - 300]),
  ),
  cell('no records', 'invalid-argument', (attempt) => together(attempt, [])),
  cell('a record whose hash is malformed', 'invalid-hash', (attempt) =>
    together(attempt, [attempt.block.bytes.length], Buffer.alloc(31)),
  ),
  cell('reads of nothing', 'invalid-argument', ({ extent }) => readRecords(extent, [])),
  cell('too many reads together', 'invalid-argument', ({ extent, block }) =>
    readRecords(extent, new Array<Uint8Array>(200).fill(hashToBytes(block.hash))),
  ),
  // Each has its own outcome, and here each is a refusal.
  cell('an unknown hash among reads', 'read together', ({ extent, block, other }) =>
    readRecords(extent, [hashToBytes(block.hash), hashToBytes(other.hash)]),
  ),
  cell('a malformed hash among reads', 'read together', ({ extent, block }) =>
    readRecords(extent, [hashToBytes(block.hash).subarray(1)]),
  ),
  cell('reads of another disk', 'read together', ({ extent, block }) =>
    readRecords({ ...extent, diskUuid: NOBODYS_UUID }, [hashToBytes(block.hash)]),
  ),
]

const bodies: readonly BadInputCell[] = [
  cell('a wrong CRC', 'record-damaged', (attempt) => {
    const { bytes, hash } = attempt.block
    return Buffer.concat([writeStart(attempt), bytes, trailer(bytes, hashToBytes(hash), 1)])
  }),
  {
    kind: 'a body shorter than its length',
    answers: [CUT],
    send: async (address, attempt) => {
      const start = writeStart(attempt, attempt.block.bytes.length + 1)
      const bytes = [frontendHello(attempt.extent), start, attempt.block.bytes]
      return await sendAndEnd(address, Buffer.concat(bytes))
    },
  },
  cell('a body longer than its length', VIOLATION, (attempt) => {
    const { bytes, hash } = attempt.block
    const start = writeStart(attempt, bytes.length - 100)
    return Buffer.concat([start, bytes, trailer(bytes, hashToBytes(hash))])
  }),
  {
    kind: 'an endless body',
    answers: [VIOLATION],
    sendsOn: true,
    send: async (address, attempt) => {
      const start = writeStart(attempt, BLOCK_SIZE_BYTES_MAX)
      return await sendEndless(address, Buffer.concat([frontendHello(attempt.extent), start]))
    },
  },
  cell('a body of 0 bytes', 'invalid-argument', (attempt) => writeStart(attempt, 0)),
  cell('a body of 4 MiB + 1', 'block-too-large', (attempt) =>
    writeStart(attempt, BLOCK_SIZE_BYTES_MAX + 1),
  ),
  cell('a size that is not that of the payload', 'invalid-argument', ({ extent, block }) => {
    const message = writeMessage(extent, block.bytes.length - 1)
    return Buffer.concat([frame(message, block.bytes.length), block.bytes])
  }),
  {
    kind: 'a disconnect in mid-body',
    answers: [LEFT],
    send: async (address, attempt) => {
      using caller = new RawCaller(address)
      const start = [frontendHello(attempt.extent), writeStart(attempt)]
      await caller.write(Buffer.concat([...start, attempt.block.bytes]))
      return LEFT
    },
  },
  misdirected('another pocket in the address', ANOTHER_PLACE, { pocket: 'other' }),
  misdirected('another disk', ANOTHER_PLACE, { diskUuid: NOBODYS_UUID }),
  misdirected('an unknown extent', 'extent-unknown', { extentId: 77 }),
  misdirected('another volume', ANOTHER_PLACE, { volumeId: 77 }),
  misdirected('an extent beyond all numbers', 'invalid-argument', { extentId: 2 ** 60 }),
]

const requests: readonly BadInputCell[] = [
  cell('an unknown hash', 'record-unknown', ({ extent, block }) =>
    readRecord(extent, hashToBytes(block.hash)),
  ),
  cell('a malformed hash', 'invalid-hash', ({ extent, block }) =>
    readRecord(extent, hashToBytes(block.hash).subarray(1)),
  ),
  cell('a record without an address', 'invalid-argument', () => frame(request('writeRecord', []))),
  cell('a put of the other listener', 'unimplemented', ({ block }) => put(block.hash, block.bytes)),
  cell('a get of the other listener', 'unimplemented', ({ stored }) =>
    get(hashToBytes(stored.hash)),
  ),
  cell('no operation', 'unimplemented', () => frame(Buffer.alloc(0))),
  cell('a second hello', 'unimplemented', () => hello),
  cell('a huge message', VIOLATION, () => frame(Buffer.alloc(17 * KIB))),
  cell('garbage behind hello', VIOLATION, ({ block }) => block.bytes),
  cell('a message length of 4 GiB', VIOLATION, () =>
    frame(helloMessage(), 0, { messageSizeBytes: 0xffffffff }),
  ),
  cell('a payload length of 4 GiB', 'block-too-large', () =>
    frame(helloMessage(), 0, { payloadSizeBytes: 0xffffffff }),
  ),
  firstCell('garbage', VIOLATION, ({ block }) => block.bytes),
  firstCell('a record before hello', VIOLATION, write),
  firstCell('an application', ANOTHER_PLACE, () => hello),
  firstCell('a frontend of another zone', ANOTHER_PLACE, ({ extent }) =>
    frontendHello({ ...extent, zone: 'other' }),
  ),
  ...[3, 20, 35].map((length): BadInputCell => ({
    kind: `a frame that ends after ${length} bytes`,
    answers: [CUT],
    send: async (address) => await sendAndEnd(address, hello.subarray(0, length)),
  })),
]

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
      const start = writeStart(attempt)
      const first = Buffer.concat([frontendHello(attempt.extent), start.subarray(0, 24)])
      return await dribbleToEnd(address, first, start.subarray(24))
    },
  },
  {
    kind: 'a slow body',
    isSlow: true,
    holdsBuffer: true,
    answers: ['body-too-slow', 'overloaded'],
    send: async (address, attempt) => {
      const start = writeStart(attempt, BLOCK_SIZE_BYTES_MAX)
      const first = Buffer.concat([frontendHello(attempt.extent), start])
      return await sendSlowBody(address, first, attempt.block.bytes)
    },
  },
]

export const nodeDoor: BadInputDoor = {
  name: 'node',
  cells: [...bodies, ...groups, ...requests, ...slow],
}
