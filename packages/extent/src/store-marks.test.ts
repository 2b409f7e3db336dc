import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { MARKS, parseExtentId } from '@kura/core'
import { MemoryDisk } from '@kura/testkit'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  append,
  EXTENT,
  initialise,
  openStore,
  randomBlock,
  recordOf,
  specOf,
} from './store-fixture.ts'

const OURS = MARKS.filter((name) => name.startsWith('extent.') || name.startsWith('disk.'))

let seen: string[] = []
const listeners = new Map(
  OURS.map((name) => [
    name,
    (): void => {
      seen.push(name)
    },
  ]),
)

beforeEach(() => {
  seen = []
  for (const [name, listener] of listeners) subscribe(`kura:${name}`, listener)
})

afterEach(() => {
  for (const [name, listener] of listeners) unsubscribe(`kura:${name}`, listener)
})

it('a whole life passes every mark of the engine, in order', async () => {
  const memory = await initialise(new MemoryDisk())
  const { store } = await openStore(memory)
  await store.raiseEpoch(1)
  await store.createExtent(specOf())
  const block = randomBlock(0, 5000)
  await append(store, block)
  const { digest } = await store.freeze(EXTENT)
  await store.seal(EXTENT, digest)
  const scratch = await store.beginBuild(specOf({ extentId: parseExtentId(43) }))
  const record = await recordOf(block)
  await scratch.append(record)
  record.slab.release()
  await scratch.publish(digest)
  await store.createExtent(specOf({ extentId: parseExtentId(44) }))
  await store.close()
  const { store: next } = await openStore(memory.restart())
  await next.close()
  expect(new Set(seen)).toEqual(new Set(OURS))
  for (const family of ['extent.append.', 'extent.freeze.', 'extent.seal.', 'extent.recovery.']) {
    const declared = OURS.filter((name) => name.startsWith(family))
    const first = [...new Set(seen.filter((name) => name.startsWith(family)))]
    expect(first).toEqual(declared)
  }
})
