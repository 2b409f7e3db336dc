import { readdir, readFile, truncate, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  composeId,
  parseBucketId,
  parseCellId,
  parseDiskUuid,
  parseExtentId,
  parseOsdId,
  parseVolumeId,
} from '@kura/core'
import type { CellMapChange } from '@kura/placement'
import { createLogger, SystemClock } from '@kura/runtime'
import { temporaryDirectory, type TemporaryDirectory } from '@kura/testkit'
import { MAP_FILE_BYTES_MAX } from '../limits.ts'
import { MapCache } from './map-cache.ts'
import { decodeMapFile, mapFiles, readMapFile, writeMapFile } from './map-file.ts'
import { ZoneMaps } from './zone-maps.ts'

const cellId = parseCellId(1)
const diskUuid = parseDiskUuid('00000000-0000-4000-8000-000000000001')
let directory: TemporaryDirectory

beforeEach(async () => {
  directory = await temporaryDirectory()
})

afterEach(async () => {
  await directory[Symbol.asyncDispose]()
})

function openCache(zone = 'a'): { maps: ZoneMaps; cache: MapCache } {
  const maps: ZoneMaps = new ZoneMaps((changed) => cache.noteChange(changed))
  const cache: MapCache = new MapCache({
    directory: directory.path,
    files: mapFiles,
    pocket: 'test',
    zone,
    maps,
    clock: new SystemClock(),
    logger: createLogger({ service: 'frontend', id: '1', level: 'silent' }),
  })
  return { maps, cache }
}

const id = (counter: number): number => composeId({ cellId, tableIncarnation: 1, counter })
const bucketId = parseBucketId(id(2))

function snapshot(): CellMapChange {
  const volume = {
    volumeId: parseVolumeId(id(1)),
    bucketId,
    state: 'open',
    generation: 3,
    capacityBytes: 1000,
    usedBytes: 10,
    extents: [{ extentId: parseExtentId(id(4)), diskUuid, state: 'in-force' }],
  } as const
  const disk = {
    diskUuid,
    osdId: parseOsdId(5),
    domains: { rack: 'r', power: 'p', vendor: 'v', firmware: 'f' },
    state: 'in-service',
    reachable: true,
    totalBytes: 7,
    freeBytes: 6,
  } as const
  return {
    cellId,
    incarnation: { number: 2, random: '00112233445566aa' },
    snapshot: true,
    fromVersion: 0,
    toVersion: 9,
    volumes: [volume],
    disks: [disk],
    lastPart: true,
  }
}

async function fill(): Promise<void> {
  const { maps, cache } = openCache()
  maps.takeWeights({ version: 4, weights: new Map([[cellId, 10]]) })
  maps.takeChange(snapshot())
  cache.start()
  await cache.stop()
}

it('a later process starts with the maps of the earlier one', async () => {
  await fill()
  const { maps, cache } = openCache()
  await cache.load()
  expect(maps.weights).toEqual({ version: 4, weights: new Map([[cellId, 10]]) })
  const [volume] = snapshot().volumes
  expect(maps.volumeOfBucket(bucketId)).toEqual(volume)
  expect(maps.cell(cellId).disk(diskUuid)).toEqual(snapshot().disks[0])
  expect(maps.cell(cellId)).toMatchObject({ version: 9, incarnation: { number: 2 } })
  expect(maps.openVolumeCount).toBe(1)
})

it('the maps of another zone are not taken', async () => {
  await fill()
  const { maps, cache } = openCache('b')
  await cache.load()
  expect(maps.weights).toBeUndefined()
})

it('a file of which one byte changed counts as missing', async () => {
  await fill()
  const folder = `${directory.path}/maps`
  for (const name of await readdir(folder)) {
    const bytes = await readFile(`${folder}/${name}`)
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
    await writeFile(`${folder}/${name}`, bytes)
  }
  const { maps, cache } = openCache()
  await cache.load()
  expect(maps.weights).toBeUndefined()
})

it('a map file gives its message back, and refuses every other file', async () => {
  const path = `${directory.path}/one.map`
  expect(await readMapFile(path)).toBeUndefined()
  await writeMapFile(path, Buffer.from('a message'))
  expect(Buffer.from((await readMapFile(path)) ?? []).toString()).toBe('a message')
  const bytes = await readFile(path)
  for (let index = 0; index < bytes.length; index += 1) {
    const damaged = Buffer.from(bytes)
    damaged[index] = (damaged[index] ?? 0) ^ 0x20
    expect(() => decodeMapFile(damaged), `byte ${index}`).toThrow()
    expect(() => decodeMapFile(bytes.subarray(0, index)), `length ${index}`).toThrow()
  }
})

it('a file larger than any map is refused before it is read', async () => {
  const path = `${directory.path}/maps/cell-1.map`
  await writeMapFile(path, Buffer.from('a map'))
  await truncate(path, MAP_FILE_BYTES_MAX + 1)
  const heldBytes = process.memoryUsage().arrayBuffers
  await expect(readMapFile(path)).rejects.toMatchObject({ code: 'format-invalid' })
  expect(process.memoryUsage().arrayBuffers - heldBytes).toBeLessThan(MAP_FILE_BYTES_MAX / 16)
})
