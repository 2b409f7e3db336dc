import { expect, it } from 'vitest'
import { freePiece } from './free-piece.ts'

it('a piece with memory of its own gives it back', () => {
  const piece = Buffer.from(new ArrayBuffer(65_536))
  freePiece(piece)
  expect(piece.length).toBe(0)
  expect(piece.buffer.byteLength).toBe(0)
})

it('a piece of something larger is left alone', () => {
  const whole = Buffer.alloc(100, 7)
  freePiece(whole.subarray(10, 20))
  expect(whole.every((byte) => byte === 7)).toBe(true)
  expect(whole.length).toBe(100)
})
