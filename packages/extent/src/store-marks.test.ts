import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { MARKS, parseExtentId } from '@kura/core'
import { CHANGING_OPERATIONS, FaultyDisk, MemoryDisk } from '@kura/testkit'
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

/** Marks, and the changes of the disk between them, as they follow each other in one thread. */
async function trace(disk: FaultyDisk, work: () => Promise<unknown>): Promise<string[]> {
  const steps: string[] = []
  let told = disk.operations.length
  const tellDisk = (): void => {
    const made = disk.operations.slice(told).map(({ kind }) => kind)
    told = disk.operations.length
    steps.push(...made.filter((kind) => CHANGING_OPERATIONS.includes(kind)))
  }
  const followers = OURS.map((name) => ({
    channel: `kura:${name}`,
    follow: (): void => {
      tellDisk()
      steps.push(name)
    },
  }))
  for (const { channel, follow } of followers) subscribe(channel, follow)
  await work()
  for (const { channel, follow } of followers) unsubscribe(channel, follow)
  tellDisk()
  return steps
}

it('each mark stands between the changes of the disk that its name says', async () => {
  const memory = await initialise(new MemoryDisk())
  const disk = new FaultyDisk(memory)
  const { store } = await openStore(disk)
  expect(await trace(disk, () => store.raiseEpoch(1))).toEqual([
    'disk.epoch.before',
    'writeFileDurably',
    'disk.epoch.durable',
  ])
  const published = [
    'extent.publish.before-link',
    'link',
    'extent.publish.after-link',
    'syncDirectory',
    'extent.publish.after-directory-sync',
    'unlink',
    'extent.publish.durable',
  ]
  expect(await trace(disk, () => store.createExtent(specOf()))).toEqual([
    ...['create', 'file.write', 'file.sync', 'extent.create.file'],
    ...[...published, 'extent.create.durable'],
  ])
  const block = randomBlock(0, 5000)
  expect(await trace(disk, () => append(store, block))).toEqual([
    ...['extent.append.queued', 'extent.append.before-write', 'file.write'],
    ...['extent.append.after-write', 'file.sync', 'extent.append.after-sync'],
  ])
  const frozen = ['extent.freeze.before-mark', 'writeFileDurably', 'extent.freeze.after-mark']
  expect(await trace(disk, () => store.freeze(EXTENT))).toEqual(frozen)
  const { digest } = store.report(EXTENT)
  const sealed = [
    ...['extent.seal.before-index', 'file.write', 'extent.seal.after-index'],
    ...['file.write', 'file.write', 'file.sync', 'extent.seal.after-first-sync'],
    ...['file.cut', 'extent.seal.after-cut', 'file.sync', 'extent.seal.durable'],
  ]
  expect(await trace(disk, () => store.seal(EXTENT, digest))).toEqual(sealed)
  const scratch = await store.beginBuild(specOf({ extentId: parseExtentId(43) }))
  const record = await recordOf(block)
  await scratch.append(record)
  record.slab.release()
  expect(await trace(disk, () => scratch.publish(digest))).toEqual([
    ...[...sealed, ...published],
    // With it a copy of page 0.
    ...frozen,
  ])
  await store.createExtent(specOf({ extentId: parseExtentId(44) }))
  await store.close()
  const restarted = new FaultyDisk(memory.restart())
  const starting = trace(restarted, async () => {
    const { store: next } = await openStore(restarted)
    await next.close()
  })
  const recovered = (await starting).filter((step) => step !== 'file.write')
  expect(recovered.slice(recovered.indexOf('extent.recovery.before-scan'))).toEqual([
    ...['extent.recovery.before-scan', 'file.sync', 'extent.recovery.after-sync'],
    ...[...frozen, 'extent.recovery.done'],
  ])
})
