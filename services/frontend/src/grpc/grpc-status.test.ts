import { expect, it } from 'vitest'
import { encodeStatusMessage } from './grpc-status.ts'
import { parseTimeout } from './parse-timeout.ts'

it('a status message is percent-encoded UTF-8', () => {
  expect(encodeStatusMessage('no such block')).toBe('no such block')
  expect(encodeStatusMessage('100 % – zu\n')).toBe('100 %25 %E2%80%93 zu%0A')
})

it.each([
  ['1500m', 1500],
  ['2S', 2000],
  ['1M', 60_000],
  ['1H', 3_600_000],
  ['500u', 0.5],
  ['99999999n', 99.999_999],
])('grpc-timeout %s is %d ms', (text, timeoutMs) => {
  expect(parseTimeout(text)).toBeCloseTo(timeoutMs, 6)
})

it.each(['', '1', 'S', '-1S', '1.5S', '123456789S', '1s'])(
  'grpc-timeout "%s" is refused',
  (text) => {
    expect(() => parseTimeout(text)).toThrow('grpc-timeout')
  },
)
