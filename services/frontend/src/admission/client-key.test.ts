import { expect, it } from 'vitest'
import { clientKeyOf } from './client-key.ts'

function keyOf(remoteAddress: string, name?: string): string {
  return clientKeyOf({ remoteAddress, name })
}

it('a remote caller is its address, whatever it calls itself', () => {
  expect(keyOf('10.0.0.7', 'one')).toBe(keyOf('10.0.0.7', 'two'))
  expect(keyOf('10.0.0.7')).not.toBe(keyOf('10.0.0.8'))
  expect(keyOf('::ffff:10.0.0.7')).toBe(keyOf('10.0.0.7'))
})

it('callers on this machine are told apart by their names', () => {
  for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
    expect(keyOf(address, 'one')).not.toBe(keyOf(address, 'two'))
    expect(keyOf(address, 'one')).toBe(keyOf('127.0.0.1', 'one'))
    expect(keyOf(address)).not.toBe(keyOf(address, 'one'))
    expect(keyOf(address, 'no name')).toBe(keyOf(address))
    expect(keyOf(address, 'x'.repeat(65))).toBe(keyOf(address))
  }
})

it('one network of 64 bits is one caller', () => {
  expect(keyOf('2001:db8:1:2::1')).toBe(keyOf('2001:db8:1:2:3:4:5:6'))
  expect(keyOf('2001:db8::1')).toBe(keyOf('2001:db8:0:0:9::'))
  expect(keyOf('2001:db8:1:2::1')).not.toBe(keyOf('2001:db8:1:3::1'))
})
