import { KuraError, type ErrorCode } from '@kura/core'
import { expect, it } from 'vitest'
import type { BlockDoor } from './block-door.ts'
import { PatientDoor } from './patient-door.ts'

/** Fails with each of these codes, one after the other, before it answers. */
function makeDoor(...codes: readonly ErrorCode[]): PatientDoor {
  const failures = codes.map((code) => new KuraError(code, 'not now'))
  const answer = async <T>(value: T): Promise<T> => {
    const failure = failures.shift()
    if (failure !== undefined) throw failure
    return await Promise.resolve(value)
  }
  const door: BlockDoor = {
    put: () => answer({ hash: '00', newlyStored: true }),
    get: () => answer(64),
    close: () => undefined,
  }
  return new PatientDoor(door, { delayMsMax: 1 })
}

it('a get that is refused or breaks off is asked for again, and each time is counted', async () => {
  const door = makeDoor('overloaded', 'unavailable', 'rate-limited')
  expect(await door.get('00')).toBe(64)
  expect(door.retries).toBe(3)
  expect(await door.get('00')).toBe(64)
  expect(door.retries).toBe(3)
})

it('a put comes back when it is refused, and not when nobody knows what became of it', async () => {
  const door = makeDoor('overloaded', 'unavailable')
  await expect(door.put(Buffer.from('a'))).rejects.toMatchObject({ code: 'unavailable' })
  expect(door.retries).toBe(1)
})

it('wrong bytes are never asked for again', async () => {
  const door = makeDoor('block-unreadable')
  await expect(door.get('00')).rejects.toMatchObject({ code: 'block-unreadable' })
  expect(door.retries).toBe(0)
})
