/**
 * A disk dies, and its operator does not wait out the silence: declared lost, its copies are made
 * anew at once. It comes back and is not trusted with anything new, until it has been verified.
 */
import { KuraClient, ZoneMasterClient } from '@kura/client'
import type { ExplainBlockResponse } from '@kura/proto'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { hashOf, makeBlock } from '../support/blocks.ts'
import { runKura } from '../support/kura-command.ts'
import { startScenarioZone, type ScenarioZone } from '../support/scenario-zone.ts'

const MIB = 1024 * 1024
const PATIENCE = { timeout: 60_000, interval: 200 }
/** Of four blocks of 1 MiB each. */
const ROUNDS_MAX = 100

let scenario: ScenarioZone
let client: KuraClient
let master: ZoneMasterClient
let lost: string
const blocks = Array.from({ length: 12 }, (_, index) => makeBlock(`lost/${index}`, 200_000))

beforeAll(async () => {
  scenario = await startScenarioZone({ bucketSizeBytes: 16 * MIB, restarts: false })
  const { pocket, zone, block, zoneMaster } = scenario.zone.endpoints
  client = new KuraClient({ servers: [block], pocket })
  master = new ZoneMasterClient({ address: zoneMaster, pocket, zone })
  await Promise.all(blocks.map(({ bytes }) => client.put(bytes)))
  const found = await master.explain(blocks[0]?.hash ?? '')
  lost = found.copies[0]?.extent?.diskUuid ?? ''
})

afterAll(async () => {
  master.close()
  await client.close()
  await scenario[Symbol.asyncDispose]()
})

async function kura(...args: string[]): Promise<{ code: number | null; text: string }> {
  const { code, out, err } = await runKura(scenario.zone, args)
  return { code, text: `${out.toString()}${err}` }
}

async function lostDisk() {
  const cells = (await master.status()).cells
  return cells[0]?.status?.disks.find(({ diskUuid }) => diskUuid === lost)
}

async function nodeOfLostDisk() {
  return scenario.zone.service(`storage-node-1-${(await lostDisk())?.osdId ?? 0}`)
}

function goodDisks({ copies }: ExplainBlockResponse): string[] {
  return copies.flatMap(({ extent, examination }) =>
    extent?.state === 'in-force' && examination?.state === 'ok' ? [extent.diskUuid] : [],
  )
}

/** Puts blocks until the volumes that took them are enough: their disks, by volume. */
async function fill(name: string, isEnough: (volumes: ReadonlyMap<bigint, string[]>) => boolean) {
  const volumes = new Map<bigint, string[]>()
  for (let round = 0; round < ROUNDS_MAX && !isEnough(volumes); round += 1) {
    const put = [1, 2, 3, 4].map(async (each) => {
      const { hash, bytes } = makeBlock(`${name}/${round}/${each}`, MIB)
      await client.put(bytes)
      const { volume } = await master.locate(hash)
      const disks = volume?.extents.map(({ diskUuid }) => diskUuid) ?? []
      if (volume !== undefined) volumes.set(volume.volumeId, disks)
    })
    await Promise.all(put)
  }
  expect(isEnough(volumes)).toBe(true)
  return [...volumes.values()].flat()
}

it('a disk that answers is not declared lost by mistake, and a preview changes nothing', async () => {
  const { code, text } = await kura('disk', 'lost', lost, '--apply')
  expect(text).toContain('the disk is alive')
  expect(code).not.toBe(0)
  expect((await kura('disk', 'lost', lost)).text).toContain('ALIVE')
  expect((await lostDisk())?.state).toBe('in-service')
})

it('what a lost disk held is made anew at once, and every block is read', async () => {
  await (await nodeOfLostDisk()).kill()
  await vi.waitFor(async () => {
    const preview = await kura('disk', 'lost', lost)
    expect(preview.text).toContain('out of reach')
    expect(preview.text).toContain('nothing was done: --apply declares it lost')
    expect(preview.code).toBe(0)
  }, PATIENCE)
  expect((await lostDisk())?.state).toBe('in-service')
  expect(await kura('disk', 'lost', lost, '--apply')).toMatchObject({ code: 0 })
  expect((await kura('disk', 'lost', lost)).text).toContain('declared lost already')
  await vi.waitFor(async () => expect((await lostDisk())?.state).toBe('lost'), PATIENCE)
  expect((await kura('status')).text).toMatch(new RegExp(`${lost} .* lost +NO`))
  for (const { hash } of blocks) {
    await vi.waitFor(async () => {
      const disks = goodDisks(await master.explain(hash))
      expect(new Set(disks).size).toBe(3)
      expect(disks).not.toContain(lost)
    }, PATIENCE)
    expect(hashOf(await client.get(hash))).toBe(hash)
  }
})

it('a lost disk that returns gets nothing new until it has been verified', async () => {
  const node = await nodeOfLostDisk()
  node.start()
  await node.waitReady()
  await vi.waitFor(async () => expect((await lostDisk())?.reachable).toBe(true), PATIENCE)
  const open = (await master.status()).cells[0]?.status?.openVolumes ?? 0n
  // So many that one at least was opened since.
  expect(await fill('lost', ({ size }) => size > open)).not.toContain(lost)
  expect((await lostDisk())?.state).toBe('lost')

  const verified = await kura('disk', 'verify', lost)
  expect(verified.text).toContain('0 damages: the disk is trusted')
  expect(verified.code).toBe(0)
  await vi.waitFor(async () => expect((await lostDisk())?.state).toBe('in-service'), PATIENCE)
  await fill('verified', (volumes) => [...volumes.values()].flat().includes(lost))
  for (const { hash } of blocks) expect(hashOf(await client.get(hash))).toBe(hash)
})
