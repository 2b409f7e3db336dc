/**
 * Goal: what a person types works against a zone of real processes. Every command runs as its own
 * process, as it would from a shell.
 */
import { randomBytes } from 'node:crypto'
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MIB } from '@kura/core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runKura, type EndedCommand } from '../support/kura-command.ts'
import { startScenarioZone, type ScenarioZone } from '../support/scenario-zone.ts'

let scenario: ScenarioZone
let folder: string

beforeAll(async () => {
  scenario = await startScenarioZone()
  folder = await mkdtemp(join(tmpdir(), 'kura-command-line-'))
})

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
  await scenario[Symbol.asyncDispose]()
})

async function kura(args: readonly string[], input?: Uint8Array): Promise<EndedCommand> {
  return await runKura(scenario.zone, args, { cwd: folder, input })
}

it('a tree goes in and comes out the same', async () => {
  const source = join(folder, 'a tree')
  await mkdir(join(source, 'ünïcode'), { recursive: true })
  await writeFile(join(source, 'large'), randomBytes(9 * MIB + 1))
  await writeFile(join(source, 'empty'), '')
  await writeFile(join(source, 'ünïcode', 'script'), '#!/bin/sh\n', { mode: 0o755 })
  await symlink('../large', join(source, 'ünïcode', 'link'))
  const put = await kura(['put', source])
  expect(put).toMatchObject({ code: 0, err: '' })
  const reference = put.out.toString().trim()
  expect(reference).toMatch(/^kura:tree:[0-9a-f]{64}$/)

  const target = join(folder, 'restored')
  expect(await kura(['get', reference, '-o', target])).toMatchObject({ code: 0, err: '' })
  for (const path of ['large', 'empty', join('ünïcode', 'script')]) {
    const stored = await readFile(join(source, path))
    expect((await readFile(join(target, path))).equals(stored)).toBe(true)
  }
  expect(await readlink(join(target, 'ünïcode', 'link'))).toBe('../large')
  expect((await stat(join(target, 'ünïcode', 'script'))).mode & 0o777).toBe(0o755)

  const again = await kura(['get', reference, '-o', target])
  expect(again.code).toBe(1)
  expect(again.err).toMatch(/^kura: .* exists \(target-exists\) — .*\n$/)
})

it('standard input becomes a file, and a file goes to standard output', async () => {
  const bytes = randomBytes(5 * MIB)
  const put = await kura(['put', '-'], bytes)
  expect(put.code).toBe(0)
  const got = await kura(['get', put.out.toString().trim(), '-o', '-'])
  expect(got.out.equals(bytes)).toBe(true)
})

it('several arguments get one reference each, in order', async () => {
  await writeFile(join(folder, 'one'), 'one')
  await writeFile(join(folder, 'two'), 'two')
  const { out } = await kura(['put', 'one', 'two'])
  const references = out.toString().trim().split('\n')
  expect(references.length).toBe(2)
  for (const [index, text] of ['one', 'two'].entries()) {
    const got = await kura(['get', references[index] ?? '', '-o', '-'])
    expect(got.out.toString()).toBe(text)
  }
})

it('a block is got by its bare hash, described, and located on three disks', async () => {
  const put = await kura(['put', '--json', '-'], Buffer.from('located'))
  const { reference } = JSON.parse(put.out.toString())
  const described = await kura(['stat', '--json', reference])
  const { contentBytes, block } = JSON.parse(described.out.toString())
  expect(contentBytes).toBe(7)
  await kura(['get', block.hash, '-o', 'block'])
  expect((await readFile(join(folder, 'block'))).subarray(0, 8).toString()).toBe('KURAMAN1')
  const located = await kura(['locate', '--json', block.hash])
  const { volume } = JSON.parse(located.out.toString())
  const disks = volume.extents.map((extent: { diskUuid: string }) => extent.diskUuid)
  expect(new Set(disks).size).toBe(3)
  expect((await kura(['locate', block.hash])).out.toString()).toContain(disks[0])
})

it('status shows every service and six disks in service', async () => {
  const { code, out } = await kura(['status'])
  expect(code).toBe(0)
  for (const kind of ['frontend', 'block-index', 'zone-master', 'volume-manager']) {
    expect(out.toString()).toMatch(new RegExp(`^  ${kind} .*yes`, 'm'))
  }
  expect(out.toString().match(/in-service +yes/g)?.length).toBe(6)
})

it('config shows what each service was told, and by which line', async () => {
  const { code, out, err } = await kura(['config', 'show', '--json'])
  expect({ code, err }).toEqual({ code: 0, err: '' })
  const shown = out
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(shown.length).toBe(scenario.zone.services.length)
  for (const { file, settings } of shown) {
    const dataDir = settings.find((each: { name: string }) => each.name === 'data_dir')
    expect(dataDir).toMatchObject({ origin: 'file', source: expect.stringContaining(`${file}:`) })
    expect(scenario.zone.services.map((service) => service.dataDir)).toContain(dataDir.value)
  }
})

it('config check finds what is wrong in a file before a service does', async () => {
  const file = join(folder, 'volume-manager.toml')
  await writeFile(file, 'open_volumes = 12 # as many as there may be\n')
  const broken = await kura(['config', 'check', file])
  expect(broken).toMatchObject({ code: 1 })
  expect(broken.err).toContain(
    `open_volumes is 12 (${file}:1) and open_volumes_max is 12 (default);`,
  )
  const more = ['--set', 'open_volumes_max=13']
  expect(await kura(['config', 'check', file, ...more])).toMatchObject({ code: 0, err: '' })
  const named = await kura(['config', 'show', 'volume-manager', '--config', file, ...more])
  expect(named.out.toString()).toMatch(/^open_volumes_max +13 +--open-volumes-max$/m)
})

it('a disk is verified from media by its UUID', async () => {
  const status = JSON.parse((await kura(['status', '--json'])).out.toString())
  const { diskUuid } = status.cells[0].status.disks[0]
  const { code, out } = await kura(['disk', 'verify', diskUuid])
  expect(out.toString()).toContain('the disk is trusted')
  expect(code).toBe(0)
})

it('what is not there ends with 3, and leaves no file', async () => {
  const absent = 'ab'.repeat(32)
  for (const args of [
    ['get', absent, '-o', 'nothing'],
    ['get', `kura:file:${absent}`, '-o', 'nothing'],
    ['stat', absent],
    ['locate', absent],
  ]) {
    const { code, err } = await kura(args)
    expect(code).toBe(3)
    expect(err).toMatch(/^kura: .*\(not-found\).*\n$/)
  }
  expect(await readdir(folder)).not.toContain('nothing')
})
