/** The get path of a real frontend against fakes of everything behind it, on real sockets. */
import { randomBytes } from 'node:crypto'
import { rm, writeFile } from 'node:fs/promises'
import { afterEach, expect, it } from 'vitest'
import { MIB } from '@kura/core'
import type { FakeNode } from './testing/fake-node.ts'
import { FakeZone } from './testing/fake-zone.ts'
import { hashOf } from './testing/http-caller.ts'

let zone: FakeZone | undefined

async function start(options: Parameters<typeof FakeZone.start>[0] = {}): Promise<FakeZone> {
  zone = await FakeZone.start(options)
  return zone
}

afterEach(async () => {
  const metrics = (await zone?.metrics()) ?? ''
  await zone?.[Symbol.asyncDispose]()
  zone = undefined
  expect(metrics).toMatch(/kura_frontend_slabs_used 0\n/)
})

interface Stored {
  readonly at: FakeZone
  readonly bytes: Buffer
  readonly hash: string
  readonly nodes: readonly FakeNode[]
  readonly extentIds: readonly number[]
}

async function storeOne(sizeBytes = 100_000): Promise<Stored> {
  const at = await start()
  const bytes = randomBytes(sizeBytes)
  const answer = await at.put(bytes)
  const { nodes, extentIds } = at.volumeOf(Number(answer.json['bucketId']))
  return { at, bytes, hash: hashOf(bytes), nodes, extentIds }
}

it('a hash that the index does not have is not found', async () => {
  const at = await start()
  const answer = await at.get('ab'.repeat(32))
  expect(answer.status).toBe(404)
  expect(answer.json['code']).toBe('not-found')
})

it('a get that finds no buffer and a full line is refused before the index is asked', async () => {
  const settings = { KURA_FRONTEND_LARGE_SLABS: '2', KURA_FRONTEND_ADMISSION_WAITERS: '0' }
  const at = await start({ settings })
  const gate = Promise.withResolvers<void>()
  for (const node of at.nodes) node.writeDelay = async () => await gate.promise
  const puts = Array.from({ length: 2 }, () => at.put(randomBytes(1000)))
  await expect.poll(async () => await at.metrics()).toContain('kura_frontend_slabs_used 2')
  // Nobody has ever put this one, and nobody finds that out now.
  expect((await at.get('ab'.repeat(32))).json['code']).toBe('overloaded')
  gate.resolve()
  for (const put of puts) expect((await put).status).toBe(201)
  expect((await at.get('ab'.repeat(32))).json['code']).toBe('not-found')
})

it('one readable copy of three is enough, whichever it is', async () => {
  const { at, bytes, hash, nodes } = await storeOne()
  for (const good of nodes) {
    for (const node of nodes) node.refuseReads = node === good ? undefined : 'disk-error'
    const answer = await at.get(hash)
    expect(answer.status).toBe(200)
    expect(answer.body.equals(bytes)).toBe(true)
  }
})

it('a damaged copy is never served, is reported, and another one answers', async () => {
  const { at, bytes, hash, nodes, extentIds } = await storeOne(MIB)
  const [first, second] = nodes
  first?.damage(extentIds[0] ?? 0, hash)
  second?.damage(extentIds[1] ?? 0, hash)
  for (let round = 0; round < 10; round += 1) {
    expect((await at.get(hash)).body.equals(bytes)).toBe(true)
  }
  await expect.poll(() => at.reports.length).toBeGreaterThan(0)
  expect(at.reports[0]).toMatchObject({ code: 'record-damaged', operation: 'read' })
})

it('a copy on a node that is gone is passed over', async () => {
  const { at, bytes, hash, nodes } = await storeOne()
  await nodes[0]?.stop()
  await nodes[2]?.stop()
  for (let round = 0; round < 5; round += 1) {
    expect((await at.get(hash)).body.equals(bytes)).toBe(true)
  }
})

it('a node that came back on another port is found again', async () => {
  const { at, bytes, hash, nodes } = await storeOne()
  for (const node of nodes) await node.stop()
  expect((await at.get(hash)).status).toBe(503)
  for (const node of nodes) await at.startNode(node)
  const read = await at.get(hash)
  expect(read.body.equals(bytes)).toBe(true)
})

it('no readable copy is unreadable, never not-found', async () => {
  const { at, hash, nodes } = await storeOne()
  for (const node of nodes) node.records.clear()
  const answer = await at.get(hash)
  expect(answer.status).toBe(503)
  expect(answer.json['code']).toBe('block-unreadable')
  expect(answer.headers['retry-after']).toBe('1')
})

it('a bucket that the cached map lacks is asked of the volume manager', async () => {
  const { at, bytes, hash } = await storeOne()
  const hidden = at.addVolume([0, 2, 4])
  at.hidden.add(hidden.volumeId)
  const row = at.index.rows.get(hash)
  if (row === undefined) throw new Error('no row')
  row.bucketId = BigInt(hidden.bucketId)
  for (const [index, node] of hidden.nodes.entries()) {
    node.records.set(`${hidden.extentIds[index]}/${hash}`, { bytes, putAtMs: 1 })
  }
  expect((await at.get(hash)).body.equals(bytes)).toBe(true)
})

it('a placement that moved behind the map is asked of the volume manager', async () => {
  const { at, bytes, hash, nodes } = await storeOne()
  const row = at.index.rows.get(hash)
  const volume = at.volumeOf(Number(row?.bucketId))
  const others = at.nodes.filter((node) => !nodes.includes(node))
  for (const node of nodes) node.records.clear()
  for (const [index, node] of others.entries()) {
    node.records.set(`${volume.extentIds[index]}/${hash}`, { bytes, putAtMs: 1 })
  }
  Object.assign(volume, { nodes: others })
  expect((await at.get(hash)).body.equals(bytes)).toBe(true)
})

it('gets and puts go on with volume manager and zone master dead, also after a restart', async () => {
  const { at, bytes, hash } = await storeOne()
  // The caches are written within a second.
  await at.frontend[Symbol.asyncDispose]()
  await at.stopControl('volume-manager')
  await at.stopControl('zone-master')
  await at.startFrontend()
  expect((await at.get(hash)).body.equals(bytes)).toBe(true)
  expect((await at.put(randomBytes(10_000))).status).toBe(201)
})

it('a damaged map cache is no start and no obstacle', async () => {
  const { at, bytes, hash } = await storeOne()
  await at.frontend[Symbol.asyncDispose]()
  const directory = at.cacheDirectory
  await writeFile(`${directory}/cell-1.map`, 'not a map')
  await rm(`${directory}/zone.map`)
  await at.startFrontend()
  await at.waitUntilReady()
  expect((await at.get(hash)).body.equals(bytes)).toBe(true)
})

it('a slow copy is hedged by another after the recent p95', async () => {
  const { at, bytes, hash, nodes } = await storeOne(1000)
  const hedged = /kura_frontend_hedges_total\{winner="hedge"\} [1-9]/
  // A busy machine may spend the budget on a read of its own: then it is earned again.
  for (let round = 0; round < 8 && !hedged.test(await at.metrics()); round += 1) {
    for (let read = 0; read < 70; read += 1) await at.get(hash)
    await readWithOneSlowCopy()
  }
  expect(await at.metrics()).toMatch(hedged)

  async function readWithOneSlowCopy(): Promise<void> {
    const gate = Promise.withResolvers<void>()
    setTimeout(gate.resolve, 500)
    let isFirst = true
    for (const node of nodes) {
      node.readDelay = async () => {
        if (isFirst) isFirst = false
        else return
        await gate.promise
      }
    }
    expect((await at.get(hash)).body.equals(bytes)).toBe(true)
  }
})

it('a row marked as deleted is not found', async () => {
  const { at, hash } = await storeOne()
  const row = at.index.rows.get(hash)
  if (row === undefined) throw new Error('no row')
  row.deletedUpToMs = row.lastPutMs + 1
  expect((await at.get(hash)).status).toBe(404)
})
