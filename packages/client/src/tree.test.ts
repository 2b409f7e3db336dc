import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { BLOCK_SIZE_BYTES_MAX } from '@kura/core'
import { TreeEntrySchema } from '@kura/proto'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { KuraClient } from './client.ts'
import { createTreeManifest, encodeTreeManifest, toSpanMessage } from './manifest.ts'
import { FakeFrontend } from './testing/fake-frontend.ts'

let frontend: FakeFrontend
let client: KuraClient
let root: string

beforeEach(async () => {
  frontend = await FakeFrontend.start()
  client = new KuraClient({ servers: [frontend.address], pocket: 'test' })
  root = mkdtempSync(join(tmpdir(), 'kura-tree-'))
})

afterEach(async () => {
  client.close()
  await frontend.stop()
  execFileSync('chmod', ['-R', 'u+rwx', root])
  rmSync(root, { recursive: true })
})

/** Everything about a tree that must survive, by path. */
function describeTree(directory: Buffer, prefix = ''): Map<string, string> {
  const found = new Map<string, string>()
  for (const name of readdirSync(directory, { encoding: 'buffer' })) {
    const path = Buffer.concat([directory, Buffer.from('/'), name])
    const shown = `${prefix}/${name.toString('hex')}`
    const stats = lstatSync(path)
    const facts = [
      stats.mode.toString(8),
      Math.round(stats.mtimeMs),
      stats.isFile() ? stats.size : '',
    ]
    if (stats.isFile()) facts.push(readFileSync(path).toString('base64').slice(0, 200))
    if (stats.isSymbolicLink())
      facts.push(readlinkSync(path, { encoding: 'buffer' }).toString('hex'))
    found.set(shown, facts.join(' '))
    if (stats.isDirectory()) for (const [k, v] of describeTree(path, shown)) found.set(k, v)
  }
  return found
}

it('a tree of every kind of entry comes back the same', async () => {
  const source = join(root, 'source')
  mkdirSync(join(source, 'sub dir', 'ünïcode ☃', 'deep'), { recursive: true })
  mkdirSync(join(source, 'empty directory'))
  const edge = randomBytes(BLOCK_SIZE_BYTES_MAX + 1)
  writeFileSync(join(source, 'minus one'), edge.subarray(0, -2))
  writeFileSync(join(source, 'exact'), edge.subarray(0, -1))
  writeFileSync(join(source, 'plus one'), edge)
  writeFileSync(join(source, 'empty'), '')
  writeFileSync(join(source, 'sub dir', 'duplicate'), edge.subarray(0, -1))
  writeFileSync(join(source, 'sub dir', 'ünïcode ☃', 'deep', 'файл'), 'x')
  writeFileSync(Buffer.concat([Buffer.from(`${source}/`), Buffer.from([0xff, 0xfe, 0x41])]), 'raw')
  writeFileSync(join(source, 'line\nbreak'), 'y')
  linkSync(join(source, 'plus one'), join(source, 'hard link'))
  symlinkSync('sub dir/duplicate', join(source, 'link'))
  symlinkSync('/nonexistent/../x', join(source, 'broken link'))
  symlinkSync('..', join(source, 'sub dir', 'loop'))
  writeFileSync(join(source, 'script'), '#!/bin/sh\n', { mode: 0o755 })
  chmodSync(join(source, 'exact'), 0o400)
  utimesSync(join(source, 'empty'), 1_000_000_000, 1_000_000_000)
  utimesSync(join(source, 'sub dir'), 1_200_000_000, 1_200_000_000)
  chmodSync(source, 0o750)

  const put = await client.putTree(source)
  expect(put).toMatchObject({ files: 10, directories: 5, symlinks: 3, problems: [] })
  const got = await client.getTree(put.text, join(root, 'target'))
  expect(got).toMatchObject({ files: 10, directories: 5, symlinks: 3, bytes: put.bytes })
  const before = describeTree(Buffer.from(source))
  expect(describeTree(Buffer.from(join(root, 'target')))).toEqual(before)
  expect(readFileSync(join(root, 'target', 'plus one')).equals(edge)).toBe(true)
  expect(lstatSync(join(root, 'target')).mode & 0o777).toBe(0o750)
})

it('the same tree has the same reference and is not stored twice', async () => {
  const source = join(root, 'source')
  mkdirSync(source)
  for (let i = 0; i < 50; i += 1) writeFileSync(join(source, `f${i}`), randomBytes(1000))
  const first = await client.putTree(source)
  const second = await client.putTree(source)
  expect(second.text).toBe(first.text)
  expect(first).toMatchObject({ newBlocks: 50, blocks: 50 })
  expect(second).toMatchObject({ newBlocks: 0, blocks: 50 })
})

it('progress ends at its totals', async () => {
  const source = join(root, 'source')
  mkdirSync(join(source, 'inner'), { recursive: true })
  for (let i = 0; i < 20; i += 1) writeFileSync(join(source, 'inner', `f${i}`), randomBytes(5000))
  const seen: unknown[] = []
  const put = await client.putTree(source, { onProgress: (each) => seen.push(each) })
  expect(seen.at(-1)).toEqual({
    filesDone: 20,
    filesTotal: 20,
    blocksDone: 20,
    bytesDone: 100_000,
    bytesTotal: 100_000,
  })
  seen.length = 0
  const onProgress = (each: unknown): unknown => seen.push(each)
  await client.getTree(put.text, join(root, 'target'), { onProgress })
  expect(seen.at(-1)).toMatchObject({ filesDone: 20, bytesDone: 100_000, bytesTotal: 100_000 })
})

it('sockets, pipes and devices are passed over, and counted and named', async () => {
  const source = join(root, 'source')
  mkdirSync(source)
  writeFileSync(join(source, 'readable'), 'yes')
  const listener = createServer().listen(join(source, 'socket'))
  await once(listener, 'listening')
  const put = await client.putTree(source)
  expect(put.files).toBe(1)
  expect(put.problemCounts).toEqual({ unreadable: 0, special: 1, changed: 0 })
  expect(put.problems[0]?.path).toBe(join(source, 'socket'))
  listener.close()
})

it('a directory that is not there is a file-error', async () => {
  const putting = client.putTree(join(root, 'absent'))
  await expect(putting).rejects.toMatchObject({
    code: 'file-error',
    details: { systemCode: 'ENOENT' },
  })
})

it('restoring replaces nothing unless told', async () => {
  const source = join(root, 'source')
  mkdirSync(source)
  writeFileSync(join(source, 'a'), 'new')
  const { text } = await client.putTree(source)
  const target = join(root, 'target')
  mkdirSync(target)
  writeFileSync(join(target, 'a'), 'old')
  await expect(client.getTree(text, target)).rejects.toMatchObject({ code: 'target-exists' })
  expect(readFileSync(join(target, 'a'), 'utf8')).toBe('old')
  await client.getTree(text, target, { overwrite: true })
  expect(readFileSync(join(target, 'a'), 'utf8')).toBe('new')
})

it('restoring never follows a link that lies in the target', async () => {
  const source = join(root, 'source')
  mkdirSync(join(source, 'sub'), { recursive: true })
  writeFileSync(join(source, 'sub', 'a'), 'stored')
  writeFileSync(join(source, 'b'), 'stored')
  const { text } = await client.putTree(source)
  const [target, outside] = [join(root, 'target'), join(root, 'outside')]
  mkdirSync(target)
  mkdirSync(outside)
  writeFileSync(join(outside, 'b'), 'untouched')
  symlinkSync(outside, join(target, 'sub'))
  symlinkSync(join(outside, 'b'), join(target, 'b'))
  const getting = client.getTree(text, target, { overwrite: true })
  await expect(getting).rejects.toMatchObject({ code: 'target-exists' })
  expect(readdirSync(outside)).toEqual(['b'])
  expect(readFileSync(join(outside, 'b'), 'utf8')).toBe('untouched')
})

async function putForgedTree(names: readonly string[]): Promise<string> {
  const block = await client.put(Buffer.from('evil'))
  const kind = { case: 'block' as const, value: toSpanMessage(block) }
  const entries = names.map((name) =>
    create(TreeEntrySchema, { name: Buffer.from(name), mode: 0o644, mtimeNs: 0n, kind }),
  )
  const { hash } = await client.put(encodeTreeManifest(createTreeManifest({ depth: 0, entries })))
  return `kura:tree:${hash}`
}

it('names that lead out of the target are refused', async () => {
  for (const name of ['..', '.', '', '../evil', '/tmp/kura-evil', 'a/b', 'a\0b', 'x'.repeat(256)]) {
    const reference = await putForgedTree([name])
    const getting = client.getTree(reference, join(root, 'target'), { overwrite: true })
    await expect(getting).rejects.toMatchObject({ code: 'format-invalid' })
  }
  expect(readdirSync(root)).toEqual(['target'])
})

it('a name that comes twice is refused', async () => {
  const reference = await putForgedTree(['a', 'a'])
  const getting = client.getTree(reference, join(root, 'target'))
  await expect(getting).rejects.toMatchObject({ code: 'format-invalid' })
})

it('a block that is no manifest is not taken for one', async () => {
  const { hash } = await client.put(Buffer.from('plain'))
  const getting = client.getTree(`kura:tree:${hash}`, join(root, 'target'))
  await expect(getting).rejects.toMatchObject({ code: 'format-invalid' })
})

it('a failing zone ends the whole tree soon, with its own error', async () => {
  const source = join(root, 'source')
  mkdirSync(source)
  for (let i = 0; i < 200; i += 1) writeFileSync(join(source, `f${i}`), randomBytes(100))
  frontend.fault = () => 'internal'
  await expect(client.putTree(source)).rejects.toMatchObject({ code: 'internal' })
  expect(frontend.seen.length).toBeLessThan(40)
})

it('files that cannot be opened are passed over, and counted and named', async () => {
  const source = join(root, 'source')
  mkdirSync(join(source, 'sub'), { recursive: true })
  for (const name of ['a', 'b', 'c']) writeFileSync(join(source, name), name)
  // Whoever runs the tests may read everything; a file that has gone cannot be opened by anyone.
  frontend.fault = () => {
    rmSync(join(source, 'b'), { force: true })
    return undefined
  }
  client.close()
  client = new KuraClient({ servers: [frontend.address], pocket: 'test', parallelism: 1 })
  const put = await client.putTree(source)
  expect(put).toMatchObject({ files: 2, problemCounts: { unreadable: 1, special: 0, changed: 0 } })
  expect(put.problems).toMatchObject([{ path: join(source, 'b'), systemCode: 'ENOENT' }])
  await client.getTree(put.text, join(root, 'target'))
  expect(readdirSync(join(root, 'target'))).toEqual(['a', 'c', 'sub'])
})
