import { crc32 } from 'node:zlib'
import { expect, it } from 'vitest'
import { BLOCK_SIZE_BYTES_MAX, isKuraError } from '@kura/core'
import { SeededRandom } from '@kura/testkit'
import {
  checkMessage,
  decodeFrameHead,
  decodeTrailer,
  encodeFrame,
  encodeTrailer,
  FRAME_HEAD_BYTES,
  TRAILER_BYTES,
} from './frame.ts'
import { MESSAGE_SIZE_BYTES_MAX } from './limits.ts'

const frame = encodeFrame({
  kind: 'request',
  expectContinue: true,
  message: Buffer.from('a message'),
  payloadSizeBytes: 5000,
})

function decode(bytes: Buffer): void {
  const headBytes = bytes.subarray(0, FRAME_HEAD_BYTES)
  checkMessage(headBytes, decodeFrameHead(headBytes), bytes.subarray(FRAME_HEAD_BYTES))
}

it('a frame gives its parts back', () => {
  const head = decodeFrameHead(frame)
  expect(head).toMatchObject({ kind: 'request', expectContinue: true, payloadSizeBytes: 5000 })
  expect(frame.subarray(FRAME_HEAD_BYTES).toString()).toBe('a message')
  expect(() => decode(frame)).not.toThrow()
})

it('no single bit of head or message can change unnoticed', () => {
  for (let bit = 0; bit < frame.length * 8; bit += 1) {
    const bytes = Buffer.from(frame)
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    expect(() => decode(bytes), `bit ${bit}`).toThrow()
  }
})

it('no single bit of a trailer can change unnoticed', () => {
  const trailer = encodeTrailer({ verdict: 'commit', crc: 77, hash: Buffer.alloc(32, 9) })
  expect(decodeTrailer(trailer)).toMatchObject({ verdict: 'commit', crc: 77 })
  for (let bit = 0; bit < trailer.length * 8; bit += 1) {
    const bytes = Buffer.from(trailer)
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    expect(() => decodeTrailer(bytes), `bit ${bit}`).toThrow()
  }
})

it('random bytes are refused with a typed error', () => {
  const random = new SeededRandom(7)
  for (let round = 0; round < 20_000; round += 1) {
    const head = random.bytes(FRAME_HEAD_BYTES)
    const trailer = random.bytes(TRAILER_BYTES)
    // Half of them get past the magic, to what lies behind it.
    if (round % 2 === 0) frame.copy(head, 0, 0, 4 + (round % 12))
    for (const step of [() => decodeFrameHead(head), () => decodeTrailer(trailer)]) {
      try {
        step()
      } catch (error) {
        expect(isKuraError(error, 'protocol-violation', 'block-too-large')).toBe(true)
      }
    }
  }
})

it('sizes above the limits are refused before anything is read for them', () => {
  const sizes = [
    { offset: 8, sizeBytes: MESSAGE_SIZE_BYTES_MAX + 1, code: 'protocol-violation' },
    { offset: 8, sizeBytes: 0xffffffff, code: 'protocol-violation' },
    { offset: 12, sizeBytes: BLOCK_SIZE_BYTES_MAX + 1, code: 'block-too-large' },
    { offset: 12, sizeBytes: 0xffffffff, code: 'block-too-large' },
  ]
  for (const { offset, sizeBytes, code } of sizes) {
    const bytes = Buffer.from(frame)
    bytes.writeUInt32LE(sizeBytes, offset)
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 16)), 16)
    expect(() => decodeFrameHead(bytes)).toThrow(expect.objectContaining({ code }))
  }
})
