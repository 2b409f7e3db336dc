/** Bad HTTP/2 at the gRPC door: headers, frames and floods that no library sends. */
import { hashToBytes, KIB, MIB } from '@kura/core'
import { type Attempt, type BadInputCell, CUT } from './cell.ts'
import {
  afterStart,
  call,
  hashRequest,
  message,
  putRequest,
  sendAfterSettings,
  sendForAnswer,
  sendToEnd,
  usualFields,
  wholeCall,
} from './grpc-caller.ts'
import { encodeFields, encodeRepeated, type Fields } from './hpack.ts'
import {
  ACK,
  data,
  END_HEADERS,
  END_STREAM,
  frame2,
  headers,
  PADDED,
  PREFACE,
  SETTING,
  settings,
  TYPE,
  uint32,
  WITH_PRIORITY,
} from './http2-frames.ts'

const PROTOCOL_ERROR = 'goaway: protocol error'
/** What the library says where it gives up on a connection, whoever is to blame. */
const GIVEN_UP = 'goaway: internal error'
const SIZE_ERROR = 'goaway: frame-size error'
const CALM = 'reset: enhance your calm'
const MANY_FIELDS: Fields = Array.from({ length: 100_000 }, (_unused, at) => [`k${at}`, 'v'])
const FLOOD_FRAMES = 2_000
/** Far more than a connection may have. */
const CALLS_AT_ONCE = 300
const GOAWAY = 'goaway: no error'
/** Beside the usual ones more than a call may have. */
const DROPPED_FIELDS = 110

/** A call whose header fields HTTP/2 forbids: the stream ends before anybody sees it. */
function fieldsCell(kind: string, fields: Fields, answer = 'reset: protocol error'): BadInputCell {
  return {
    kind,
    answers: [answer],
    send: async (address, { stored }) => {
      const bytes = message(hashRequest(hashToBytes(stored.hash)))
      return await sendForAnswer(address, afterStart(wholeCall('Stat', bytes, { fields })))
    },
  }
}

/**
 * The library drops such a field before anybody sees it, which HTTP/2 allows. The call shows it:
 * its `grpc-timeout` would be malformed, and so many fields of any name would be too many.
 */
function droppedCell(kind: string, field: readonly [string, string]): BadInputCell {
  const fields: Fields = [...usual, ...Array.from({ length: DROPPED_FIELDS }, () => field)]
  return fieldsCell(`${kind}, ${DROPPED_FIELDS} times: all dropped`, fields, '0')
}

/** Bytes behind a good start that end the connection. */
function endCell(
  kind: string,
  answer: string,
  bytesOf: (attempt: Attempt) => Buffer,
): BadInputCell {
  return {
    kind,
    answers: [answer],
    send: async (address, attempt) => await sendToEnd(address, afterStart(bytesOf(attempt))),
  }
}

/** Many frames on one connection; each counts as a bad request. */
function floodCell(kind: string, answers: readonly string[], frame: Buffer): BadInputCell {
  return {
    kind,
    answers,
    requestsEach: FLOOD_FRAMES,
    send: async (address) => {
      const flood = Buffer.alloc(FLOOD_FRAMES * frame.length, frame)
      return await sendToEnd(address, afterStart(flood))
    },
  }
}

/** Frames that mean nothing and cost nothing: the connection ends because it has no call. */
function harmlessFloodCell(kind: string, frame: Buffer): BadInputCell {
  return { ...floodCell(kind, [GOAWAY], frame), isSlow: true }
}

const usual = usualFields('Stat')
const manyKeys = afterStart(
  headers(encodeFields([...usual, ...MANY_FIELDS]), { flags: END_STREAM }),
)
const manyUses = afterStart(
  headers(
    Buffer.concat([encodeFields(usual), encodeRepeated(['x-a', 'b'.repeat(3_000)], 100_000)]),
    { flags: END_STREAM },
  ),
)

const headerCells: readonly BadInputCell[] = [
  fieldsCell('huge headers', [...usual, ['x-a', 'b'.repeat(40 * KIB)]], '3 headers-too-large'),
  {
    kind: 'headers beyond what the server said',
    answers: [CALM],
    send: async (address) => {
      const fields: Fields = [...usual, ['x-a', 'b'.repeat(20 * KIB)]]
      return await sendAfterSettings(address, call('Stat', { fields, ends: true }))
    },
  },
  fieldsCell('110 headers', [...usual, ...MANY_FIELDS.slice(0, 110)], '3 headers-too-large'),
  fieldsCell('200 headers', [...usual, ...MANY_FIELDS.slice(0, 200)], CALM),
  {
    kind: '100,000 metadata keys',
    answers: [`${CALM} + ${GIVEN_UP}`],
    send: async (address) => await sendToEnd(address, manyKeys),
  },
  {
    kind: '100,000 uses of one metadata key',
    answers: [CALM],
    send: async (address) => await sendForAnswer(address, manyUses),
  },
  fieldsCell(
    'no path',
    usual.filter(([name]) => name !== ':path'),
  ),
  fieldsCell('two paths', [...usual.slice(0, 3), [':path', '/x'], ...usual.slice(3)]),
  fieldsCell('a pseudo-header behind the others', [...usual, [':authority', 'other']]),
  fieldsCell('an unknown pseudo-header', [[':what', 'x'], ...usual]),
  fieldsCell('a name in capitals', [...usual, ['X-A', 'b']]),
  droppedCell('smuggling: a name with a colon', ['grpc-timeout: 0n', 'b']),
  droppedCell('smuggling: a line break in a value', ['grpc-timeout', '0n\r\nhost: other']),
  droppedCell('smuggling: a NUL in a value', ['grpc-timeout', '0n\0c']),
  fieldsCell('smuggling: transfer-encoding', [...usual, ['transfer-encoding', 'chunked']]),
  fieldsCell('smuggling: connection', [...usual, ['connection', 'keep-alive, x-a']]),
  fieldsCell('smuggling: upgrade', [...usual, ['upgrade', 'h2c']]),
  fieldsCell('smuggling: a length below the body', [...usual, ['content-length', '3']], GIVEN_UP),
  fieldsCell('smuggling: two lengths', [
    ...usual,
    ['content-length', '39'],
    ['content-length', '40'],
  ]),
  fieldsCell('smuggling: a length with a sign', [...usual, ['content-length', '+39']]),
]

const largePut = message(putRequest(Buffer.alloc(32, 1), Buffer.alloc(4 * MIB)))
const burst = data(largePut.subarray(0, 1 * MIB))

const frameCells: readonly BadInputCell[] = [
  {
    kind: 'garbage',
    answers: [GIVEN_UP],
    send: async (address, { block }) => await sendToEnd(address, block.bytes),
  },
  {
    kind: 'a request of HTTP/1.1',
    answers: [GIVEN_UP],
    send: async (address, { block }) => {
      const text = `GET /v1/blocks/${block.hash} HTTP/1.1\r\nhost: kura\r\n\r\n`
      return await sendToEnd(address, Buffer.from(text))
    },
  },
  {
    kind: 'no settings behind the preface',
    answers: [PROTOCOL_ERROR],
    send: async (address) =>
      await sendToEnd(address, Buffer.concat([PREFACE, call('Stat', { ends: true })])),
  },
  {
    kind: 'garbage behind the preface',
    answers: [PROTOCOL_ERROR, SIZE_ERROR],
    send: async (address, { block }) => await sendToEnd(address, afterStart(block.bytes)),
  },
  endCell('a field block that does not decode', 'goaway: compression error', () =>
    headers(Buffer.of(0xff, 0xff, 0xff, 0xff, 0xff), { flags: END_STREAM }),
  ),
  endCell('a field of no table', 'goaway: compression error', () =>
    headers(Buffer.of(0x80 | 100), { flags: END_STREAM }),
  ),
  endCell('a frame length of 16 MiB', SIZE_ERROR, () =>
    frame2({ type: TYPE.data, stream: 1, sizeBytes: 2 ** 24 - 1 }, Buffer.alloc(100)),
  ),
  endCell('settings of 5 bytes', SIZE_ERROR, () =>
    frame2({ type: TYPE.settings }, Buffer.alloc(5)),
  ),
  endCell('a ping of 7 bytes', SIZE_ERROR, () => frame2({ type: TYPE.ping }, Buffer.alloc(7))),
  endCell('a window update of 3 bytes', SIZE_ERROR, () =>
    frame2({ type: TYPE.windowUpdate }, Buffer.alloc(3)),
  ),
  endCell('an acknowledgement with content', SIZE_ERROR, () =>
    frame2({ type: TYPE.settings, flags: ACK }, Buffer.alloc(6)),
  ),
  endCell('a window beyond all numbers', 'goaway: flow-control error', () =>
    settings([[SETTING.windowBytes, 2 ** 31]]),
  ),
  endCell('a setting that is neither on nor off', PROTOCOL_ERROR, () =>
    settings([[SETTING.enablePush, 2]]),
  ),
  endCell('a frame size below the least', PROTOCOL_ERROR, () =>
    settings([[SETTING.frameBytes, 1]]),
  ),
  endCell('a window update of nothing', PROTOCOL_ERROR, () =>
    frame2({ type: TYPE.windowUpdate }, uint32(0)),
  ),
  endCell('window updates beyond all numbers', 'goaway: flow-control error', () =>
    Buffer.alloc(26, frame2({ type: TYPE.windowUpdate }, uint32(2 ** 31 - 1))),
  ),
  endCell('data of no stream', PROTOCOL_ERROR, () => frame2({ type: TYPE.data }, Buffer.alloc(10))),
  endCell('data of a stream that was never opened', PROTOCOL_ERROR, () => data(Buffer.alloc(10))),
  endCell('a reset of a stream that was never opened', PROTOCOL_ERROR, () =>
    frame2({ type: TYPE.reset, stream: 7 }, uint32(8)),
  ),
  endCell('headers of no stream', PROTOCOL_ERROR, () => call('Stat', { stream: 0 })),
  endCell('headers of a stream of the server', PROTOCOL_ERROR, () => call('Stat', { stream: 2 })),
  endCell('data in the middle of headers', PROTOCOL_ERROR, () =>
    Buffer.concat([
      frame2({ type: TYPE.headers, stream: 1 }, encodeFields(usual)),
      data(Buffer.alloc(10)),
    ]),
  ),
  endCell('a continuation of nothing', PROTOCOL_ERROR, () =>
    frame2({ type: TYPE.continuation, flags: END_HEADERS, stream: 1 }, encodeFields(usual)),
  ),
  endCell('a promise by the caller', PROTOCOL_ERROR, () =>
    frame2({ type: TYPE.pushPromise, flags: END_HEADERS, stream: 1 }, Buffer.alloc(9)),
  ),
  endCell('more padding than frame', PROTOCOL_ERROR, () =>
    Buffer.concat([
      call('Put'),
      frame2({ type: TYPE.data, flags: PADDED, stream: 1 }, Buffer.of(200, 0, 0, 0)),
    ]),
  ),
  endCell('a header frame shorter than its priority', SIZE_ERROR, () =>
    frame2({ type: TYPE.headers, flags: WITH_PRIORITY | END_HEADERS, stream: 1 }, Buffer.of(0)),
  ),
  {
    kind: 'more data than the window',
    // A put that is read meanwhile may widen it in time; then the rest of the body is missed.
    answers: ['goaway: flow-control error', '4 body-too-slow'],
    send: async (address) => await sendForAnswer(address, afterStart(call('Put'), burst)),
  },
  ...[5, 9, 30].map((sizeBytes): BadInputCell => ({
    kind: `a frame that ends after ${sizeBytes} bytes`,
    answers: [CUT],
    send: async (address) => {
      const part = call('Stat').subarray(0, sizeBytes)
      return await sendToEnd(address, afterStart(part), { halfCloses: true })
    },
  })),
]

const rapidReset = Buffer.concat(
  Array.from({ length: FLOOD_FRAMES }, (_unused, at) => {
    const stream = 1 + 2 * at
    return Buffer.concat([
      call('Stat', { stream }),
      frame2({ type: TYPE.reset, stream }, uint32(8)),
    ])
  }),
)

const floods: readonly BadInputCell[] = [
  {
    kind: 'rapid reset',
    answers: [GIVEN_UP],
    requestsEach: FLOOD_FRAMES,
    send: async (address) => await sendToEnd(address, afterStart(rapidReset)),
  },
  floodCell('a flood of pings', [GIVEN_UP], frame2({ type: TYPE.ping }, Buffer.alloc(8))),
  floodCell(
    'a flood of settings',
    [GIVEN_UP],
    settings([
      [SETTING.windowBytes, 100],
      [SETTING.windowBytes, 65_535],
    ]),
  ),
  floodCell('a flood of empty settings', [GIVEN_UP], settings([])),
  floodCell(
    'a flood of continuations',
    [PROTOCOL_ERROR],
    frame2({ type: TYPE.continuation, stream: 1 }),
  ),
  {
    kind: 'a header without end',
    answers: [GIVEN_UP],
    requestsEach: FLOOD_FRAMES,
    send: async (address) => {
      const first = frame2({ type: TYPE.headers, stream: 1 }, encodeFields(usual))
      const next = frame2({ type: TYPE.continuation, stream: 1 }, encodeFields([['x', 'y']]))
      const flood = Buffer.alloc(FLOOD_FRAMES * next.length, next)
      return await sendToEnd(address, afterStart(first, flood))
    },
  },
  {
    kind: 'a flood of empty data',
    answers: [GIVEN_UP],
    requestsEach: FLOOD_FRAMES,
    send: async (address) => {
      const empty = frame2({ type: TYPE.data, stream: 1 })
      const flood = Buffer.alloc(FLOOD_FRAMES * empty.length, empty)
      return await sendToEnd(address, afterStart(call('Put'), flood))
    },
  },
  harmlessFloodCell('a flood of window updates', frame2({ type: TYPE.windowUpdate }, uint32(1))),
  harmlessFloodCell(
    'a flood of priorities',
    frame2({ type: TYPE.priority, stream: 3 }, Buffer.alloc(5)),
  ),
  harmlessFloodCell('a flood of unknown frames', frame2({ type: 99, stream: 1 }, Buffer.alloc(9))),
  {
    kind: 'more calls than a connection may have',
    // The library may also give up on a connection that keeps asking for too much.
    answers: [
      'reset: refused stream',
      'reset: refused stream + reset: internal error',
      'reset: refused stream + reset: internal error + goaway: internal error',
    ],
    requestsEach: CALLS_AT_ONCE,
    send: async (address) => {
      const calls = Array.from({ length: CALLS_AT_ONCE }, (_unused, at) =>
        call('Stat', { stream: 1 + 2 * at }),
      )
      return await sendForAnswer(address, afterStart(...calls))
    },
  },
]

export const http2Cells: readonly BadInputCell[] = [...headerCells, ...frameCells, ...floods]
