import { expect, it } from 'vitest'
import { ERROR_CODES, isKuraError, KuraError, toKuraError } from './errors.ts'

it('every code has a gRPC status, an HTTP status and a meaning', () => {
  for (const [code, row] of Object.entries(ERROR_CODES)) {
    expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/)
    expect(row.grpcStatus).toBeGreaterThan(0)
    expect(row.grpcStatus).toBeLessThanOrEqual(16)
    expect(row.httpStatus).toBeGreaterThanOrEqual(400)
    expect(row.meaning).toMatch(/\.$/)
  }
})

it('what is not a KuraError becomes one and keeps its cause', () => {
  const cause = new Error('socket hang up')
  const error = toKuraError(cause, 'unavailable')
  expect(isKuraError(error, 'unavailable')).toBe(true)
  expect(error.retryable).toBe(true)
  expect(error.cause).toBe(cause)
  expect(toKuraError(error)).toBe(error)
  expect(new KuraError('not-found', 'no such block').retryable).toBe(false)
})
