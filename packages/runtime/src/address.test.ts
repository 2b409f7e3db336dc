import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { formatAddress, listenOn, parseAddress } from './address.ts'

test.each(['127.0.0.1:80', 'node-1.example:0', '[::1]:65535'])(
  '%s survives a round trip',
  (text) => {
    expect(formatAddress(parseAddress(text))).toBe(text)
  },
)

test.each(['80', ':80', 'a:', 'a:b', 'a:65536', '::1:80', 'a b:1'])('%s is refused', (text) => {
  expect(() => parseAddress(text)).toThrow('an address is host:port')
})

test('a port that another server has is port-taken', async () => {
  const first = createServer()
  const second = createServer()
  const address = await listenOn(first, '127.0.0.1:0')
  expect(parseAddress(address).port).toBeGreaterThan(0)
  await expect(listenOn(second, address)).rejects.toMatchObject({ code: 'port-taken' })
  first.close()
})
