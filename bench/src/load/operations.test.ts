import { createHash } from 'node:crypto'
import { KuraError } from '@kura/core'
import { expect, it } from 'vitest'
import type { Caller, PutAnswer } from './block-door.ts'
import { HashList } from './hash-list.ts'
import type { Load } from './load.ts'
import { makeOperate, Tally } from './operations.ts'

const LOAD: Load = {
  door: 'client',
  pattern: 'put',
  sizeBytes: 64,
  clients: 1,
  seconds: 1,
  warmUpSeconds: 0,
}

/** A store in memory that can be told to answer otherwise. */
class FakeDoor implements Caller {
  readonly blocks = new Map<string, number>()
  failure: KuraError | undefined
  isForgetful = false

  async put(bytes: Buffer): Promise<PutAnswer> {
    if (this.failure !== undefined) throw this.failure
    const hash = createHash('sha256').update(bytes).digest('hex')
    const newlyStored = !this.blocks.has(hash) && !this.isForgetful
    this.blocks.set(hash, bytes.length)
    return await Promise.resolve({ hash, newlyStored })
  }

  async get(hash: string): Promise<number> {
    if (this.failure !== undefined) throw this.failure
    return await Promise.resolve(this.blocks.get(hash) ?? 0)
  }

  close(): void {
    // There is nothing to close.
  }
}

function make(changes: Partial<Load> = {}) {
  const door = new FakeDoor()
  const stored = new HashList()
  const acknowledged = new HashList()
  const tally = new Tally()
  const got = new Uint8Array(4)
  const options = { load: { ...LOAD, ...changes }, stored, acknowledged, got, tally }
  return { door, stored, acknowledged, got, tally, make: () => makeOperate(door, options) }
}

it('every put is of bytes that no other put had, also those of another client', async () => {
  const parts = make()
  const [one, other] = [parts.make(), parts.make()]
  for (let count = 0; count < 100; count += 1) await Promise.all([one(), other()])
  expect(parts.door.blocks.size).toBe(200)
  expect(parts.acknowledged.count).toBe(200)
  expect(parts.tally.puts).toBe(200)
})

it('a receipt that says stored before fails the load', async () => {
  const parts = make()
  parts.door.isForgetful = true
  await expect(parts.make()()).rejects.toMatchObject({ code: 'state-conflict' })
  expect(parts.acknowledged.count).toBe(0)
})

it('where a node is killed that receipt is of an answer that was lost, and is counted', async () => {
  const parts = make({ mayFail: true })
  parts.door.isForgetful = true
  expect(await parts.make()()).toBe(true)
  expect(parts.tally.repeated).toBe(1)
  expect(parts.tally.failures.size).toBe(0)
  expect(parts.acknowledged.count).toBe(1)
})

it('there typed errors are counted, and nowhere else', async () => {
  const tolerant = make({ mayFail: true })
  const strict = make()
  const failure = new KuraError('no-open-volume', 'none is open')
  tolerant.door.failure = failure
  strict.door.failure = failure
  expect(await tolerant.make()()).toBe(false)
  expect([...tolerant.tally.failures]).toEqual([['no-open-volume', 1]])
  expect(tolerant.acknowledged.count).toBe(0)
  await expect(strict.make()()).rejects.toBe(failure)
})

it('wrong bytes fail the load, whatever else may fail', async () => {
  const parts = make({ mayFail: true })
  parts.door.failure = new KuraError('block-unreadable', 'other bytes')
  await expect(parts.make()()).rejects.toBe(parts.door.failure)
})

it('gets are of stored blocks, all of them, and of the size that was put', async () => {
  const parts = make({ pattern: 'get' })
  const asked = new Set<string>()
  for (let index = 0; index < 4; index += 1) {
    const hash = createHash('sha256').update(`${index}`).digest('hex')
    parts.stored.add(hash)
    parts.door.blocks.set(hash, 64)
  }
  const { get } = parts.door
  parts.door.get = async (hash) => {
    asked.add(hash)
    return await get.call(parts.door, hash)
  }
  const operate = parts.make()
  await operate()
  expect([...parts.got].filter((each) => each === 1)).toHaveLength(1)
  for (let count = 0; count < 400; count += 1) await operate()
  expect([...parts.got]).toEqual([1, 1, 1, 1])
  expect(asked).toEqual(new Set(parts.door.blocks.keys()))
  for (const hash of asked) parts.door.blocks.set(hash, 63)
  parts.got.fill(0)
  await expect(operate()).rejects.toMatchObject({ code: 'block-unreadable' })
  expect([...parts.got]).toEqual([0, 0, 0, 0])
})
