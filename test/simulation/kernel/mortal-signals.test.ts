import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeSignalsMortal } from './mortal-signals.ts'

let restore: () => void
beforeEach(() => (restore = makeSignalsMortal()))
afterEach(() => restore())

test('a signal of several ends with the first of them, for its reason, and once', () => {
  const [one, other] = [new AbortController(), new AbortController()]
  const signal = AbortSignal.any([one.signal, other.signal])
  const reasons: unknown[] = []
  signal.addEventListener('abort', () => reasons.push(signal.reason))
  expect(signal.aborted).toBe(false)
  other.abort('second')
  one.abort('first')
  expect(reasons).toEqual(['second'])
})

test('a signal of one that has ended has ended, and one of nothing never ends', () => {
  const signal = AbortSignal.any([new AbortController().signal, AbortSignal.abort('before')])
  expect(signal.reason).toBe('before')
  expect(AbortSignal.any([]).aborted).toBe(false)
})

test('whoever still listens is collected with the signals it listens to', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const listener = listenForever()
  await turn()
  collect()
  expect(listener.deref()).toBeUndefined()
})

test('afterwards signals are those of Node again', () => {
  const simulated = AbortSignal.any
  restore()
  expect(AbortSignal.any).not.toBe(simulated)
})

function listenForever(): WeakRef<object> {
  const life = { bytes: new Uint8Array(8) }
  const sources = [new AbortController().signal, new AbortController().signal]
  AbortSignal.any(sources).addEventListener('abort', () => life.bytes.fill(1))
  return new WeakRef(life)
}
