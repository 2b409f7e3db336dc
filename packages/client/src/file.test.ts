import { randomBytes } from 'node:crypto'
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { BLOCK_SIZE_BYTES_MAX, MIB } from '@kura/core'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { BufferPool } from './buffer-pool.ts'
import { KuraClient } from './client.ts'
import { cutIntoBlocks } from './file-pieces.ts'
import { decodeFileManifest, encodeFileManifest } from './manifest.ts'
import { ProgressTracker } from './progress.ts'
import { putContent } from './put-content.ts'
import { FakeFrontend } from './testing/fake-frontend.ts'

let frontend: FakeFrontend
let client: KuraClient
let root: string

beforeEach(async () => {
  frontend = await FakeFrontend.start()
  client = new KuraClient({ servers: [frontend.address], pocket: 'test', parallelism: 4 })
  root = mkdtempSync(join(tmpdir(), 'kura-file-'))
})

afterEach(async () => {
  client.close()
  await frontend.stop()
  rmSync(root, { recursive: true })
})

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece)
  return Buffer.concat(all)
}

it('files around the block size come back the same', async () => {
  const all = randomBytes(2 * BLOCK_SIZE_BYTES_MAX + 1)
  const edge = BLOCK_SIZE_BYTES_MAX
  for (const sizeBytes of [0, 1, edge - 1, edge, edge + 1, all.length]) {
    const path = join(root, `f${sizeBytes}`)
    writeFileSync(path, all.subarray(0, sizeBytes), { mode: 0o640 })
    const put = await client.putFile(path)
    expect(put).toMatchObject({
      sizeBytes,
      blockCount: Math.ceil(sizeBytes / edge),
      changed: false,
    })
    await client.getFile(put.text, `${path}.back`)
    expect(readFileSync(`${path}.back`).equals(all.subarray(0, sizeBytes))).toBe(true)
    expect(statSync(`${path}.back`).mode & 0o777).toBe(0o640)
    expect(statSync(`${path}.back`).mtimeMs).toBeCloseTo(statSync(path).mtimeMs, 2)
  }
})

it('a stream in pieces of any size is stored as the same blocks as a file', async () => {
  const bytes = randomBytes(9 * MIB)
  async function* odd(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 1_000_003) yield bytes.subarray(at, at + 1_000_003)
  }
  const put = await client.putFile(odd())
  expect(put).toMatchObject({ sizeBytes: bytes.length, blockCount: 3, newBlockCount: 3 })
  writeFileSync(join(root, 'f'), bytes)
  expect(await client.putFile(join(root, 'f'))).toMatchObject({ newBlockCount: 0 })
  expect((await collect(client.readFile(put.text))).equals(bytes)).toBe(true)
})

it('a range is exactly its bytes', async () => {
  const bytes = randomBytes(9 * MIB)
  writeFileSync(join(root, 'f'), bytes)
  const { text } = await client.putFile(join(root, 'f'))
  const edge = BLOCK_SIZE_BYTES_MAX
  for (const [fromBytes, toBytes] of [
    [0, 1],
    [edge - 1, edge + 1],
    [edge, 2 * edge],
    [5, bytes.length + 100],
    [7, 7],
  ] as const) {
    const got = await collect(client.readFile(text, { range: { fromBytes, toBytes } }))
    expect(got.equals(bytes.subarray(fromBytes, toBytes))).toBe(true)
  }
  const outside = client.readFile(text, { range: { fromBytes: bytes.length + 1, toBytes: 1e9 } })
  await expect(collect(outside)).rejects.toMatchObject({ code: 'range-not-satisfiable' })
})

it('a reader that stops early leaves nothing running', async () => {
  const { text } = await client.putFile(
    (async function* () {
      for (let i = 0; i < 10; i += 1) yield await Promise.resolve(randomBytes(BLOCK_SIZE_BYTES_MAX))
    })(),
  )
  frontend.seen.length = 0
  for await (const piece of client.readFile(text)) {
    expect(piece.length).toBe(BLOCK_SIZE_BYTES_MAX)
    break
  }
  expect(frontend.seen.length).toBeLessThan(8)
  await expect.poll(() => frontend.inFlight).toBe(0)
})

it('a failure for good does not wait for what would be tried again', async () => {
  const put = await client.putFile(Readable.from([randomBytes(4 * BLOCK_SIZE_BYTES_MAX)]))
  const [first] = [...frontend.blocks.keys()]
  if (first !== undefined) frontend.blocks.delete(first)
  frontend.fault = ({ request: { operation } }) => {
    const asked = operation.case === 'getBlock' ? Buffer.from(operation.value.hash) : undefined
    const isServed = asked?.toString('hex') === first || asked?.equals(manifestHash) === true
    return isServed ? undefined : 'overloaded'
  }
  const manifestHash = Buffer.from(put.reference.hash, 'hex')
  const startedAtMs = performance.now()
  await expect(collect(client.readFile(put.text))).rejects.toMatchObject({ code: 'not-found' })
  expect(performance.now() - startedAtMs).toBeLessThan(10_000)
})

it('a reader that gives up gets cancelled', async () => {
  const put = await client.putFile(Readable.from([randomBytes(100)]))
  const abort = new AbortController()
  frontend.fault = () => {
    abort.abort()
    return 'overloaded'
  }
  const reading = collect(client.readFile(put.text, { signal: abort.signal }))
  await expect(reading).rejects.toMatchObject({ code: 'cancelled' })
})

it('many levels of manifests hold a file together', async () => {
  const bytes = randomBytes(11 * BLOCK_SIZE_BYTES_MAX)
  const buffers = new BufferPool(4)
  const workspace = { blocks: client, buffers, parallelism: 4 }
  const pieces = cutIntoBlocks(workspace, Readable.from([bytes]), undefined)
  const tracker = new ProgressTracker({ onProgress: undefined })
  const content = await putContent(workspace, pieces, { tracker, signal: undefined, spansMax: 2 })
  expect(content.depth).toBe(3)
  const { hash } = await client.put(encodeFileManifest(content))
  expect((await collect(client.readFile(`kura:file:${hash}`))).equals(bytes)).toBe(true)
  const range = { fromBytes: 21 * MIB + 5, toBytes: 30 * MIB }
  const got = await collect(client.readFile(`kura:file:${hash}`, { range }))
  expect(got.equals(bytes.subarray(range.fromBytes, range.toBytes))).toBe(true)
})

it('a manifest whose sizes do not add up is refused', async () => {
  const block = await client.put(randomBytes(10))
  const forged = encodeFileManifest({ sizeBytes: 11, depth: 0, spans: [block] })
  const { hash } = await client.put(forged)
  await expect(collect(client.readFile(`kura:file:${hash}`))).rejects.toMatchObject({
    code: 'format-invalid',
  })
  const short = encodeFileManifest({
    sizeBytes: 12,
    depth: 0,
    spans: [{ hash: block.hash, sizeBytes: 12 }],
  })
  const other = await client.put(short)
  await expect(collect(client.readFile(`kura:file:${other.hash}`))).rejects.toMatchObject({
    code: 'format-invalid',
  })
})

it('a file that changes while it is read is reported, and stored in one piece', async () => {
  const path = join(root, 'log')
  writeFileSync(path, randomBytes(100))
  frontend.fault = () => {
    appendFileSync(path, 'more')
    return undefined
  }
  const put = await client.putFile(path)
  expect(put.changed).toBe(true)
  const manifest = decodeFileManifest(await client.get(put.reference.hash))
  expect(Number(manifest.sizeBytes)).toBe(put.sizeBytes)
})

it('a file in the way is replaced only when told, and a failed get leaves none', async () => {
  const path = join(root, 'f')
  writeFileSync(path, 'old')
  const put = await client.putFile(Readable.from([Buffer.from('new')]))
  await expect(client.getFile(put.text, path)).rejects.toMatchObject({ code: 'target-exists' })
  await client.getFile(put.text, path, { overwrite: true })
  expect(readFileSync(path, 'utf8')).toBe('new')
  const [first] = [...frontend.blocks.keys()]
  if (first !== undefined) frontend.blocks.delete(first)
  await expect(client.getFile(put.text, join(root, 'g'))).rejects.toMatchObject({
    code: 'not-found',
  })
  expect(() => statSync(join(root, 'g'))).toThrow('ENOENT')
})

it('the same content has the same manifest, byte for byte', async () => {
  const spans = [await client.put(randomBytes(10))]
  const attributes = { mode: 0o644, mtimeNs: 1_700_000_000_123_456_789n }
  const encode = (): Buffer => encodeFileManifest({ sizeBytes: 10, depth: 0, spans, attributes })
  expect(encode().equals(encode())).toBe(true)
  expect(encode().subarray(0, 8).toString()).toBe('KURAMAN1')
})
