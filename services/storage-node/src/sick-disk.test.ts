// What a node does and says when its disk fails a sync, fills up or returns other bytes.
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { KuraError, MIB } from '@kura/core'
import { NodeDisk } from '@kura/extent'
import { FaultyDisk, temporaryDirectory, type TemporaryDirectory } from '@kura/testkit'
import { flipBit } from './testing/flip-bit.ts'
import { TestCell } from './testing/test-cell.ts'
import { TIMEOUT_MS, type TestNode } from './testing/test-node.ts'

let directory: TemporaryDirectory
let cell: TestCell

beforeEach(async () => {
  directory = await temporaryDirectory()
  cell = await TestCell.open(directory.path)
})

afterEach(async () => {
  await cell[Symbol.asyncDispose]()
  await directory[Symbol.asyncDispose]()
})

/** What /readyz says. */
async function readiness(node: TestNode): Promise<unknown> {
  return await (await fetch(`http://${node.node.addresses.admin}/readyz`)).json()
}

test('after a failed sync nothing is acknowledged until all was read from media', async () => {
  await cell.initialise(1)
  const disk = new FaultyDisk(await NodeDisk.open(cell.diskPath(1)))
  const node = await cell.start(1, { disk })
  await node.createExtent(5)
  const hash = await node.write(randomBytes(5_000), node.address(5))
  disk.fail({ kind: 'file.sync', path: /\.extent$/, code: 'EIO' })
  await expect(node.write(randomBytes(10), node.address(5))).rejects.toBeInstanceOf(KuraError)
  const refused = node.write(randomBytes(10), node.address(5))
  await expect(refused).rejects.toMatchObject({ code: 'disk-suspect' })
  await vi.waitFor(() => expect(cell.lastHeartbeat?.suspect).toBe(true))
  expect(await readiness(node)).toMatchObject({ ready: false, reasons: [{ code: 'suspect' }] })
  expect(await node.read(hash, node.address(5))).toHaveLength(5_000)
  await node.stop()
  const again = await cell.start(1)
  await expect(again.createExtent(6)).rejects.toMatchObject({ code: 'disk-suspect' })
  const verification = await again.control.verifyDisk({}, { timeoutMs: TIMEOUT_MS })
  expect(verification).toMatchObject({ readmitted: true, damages: [] })
  await vi.waitFor(() => expect(cell.lastHeartbeat?.suspect).toBe(false))
  await again.createExtent(6)
  await again.write(randomBytes(10), again.address(6))
})

test('a full disk refuses extents, then writes, and goes on reading', async () => {
  await cell.initialise(1)
  const disk = new FaultyDisk(await NodeDisk.open(cell.diskPath(1)))
  const node = await cell.start(1, { disk })
  await node.createExtent(5)
  const hash = await node.write(randomBytes(5_000), node.address(5))
  disk.pretendSpace({ totalBytes: 1000 * MIB, freeBytes: 80 * MIB })
  await vi.waitFor(() => expect(cell.lastHeartbeat?.fullness).toBe('no-new-extents'), TIMEOUT_MS)
  await expect(node.createExtent(6)).rejects.toMatchObject({ code: 'disk-full' })
  await node.write(randomBytes(10), node.address(5))
  disk.pretendSpace({ totalBytes: 1000 * MIB, freeBytes: 20 * MIB })
  await vi.waitFor(() => expect(cell.lastHeartbeat?.fullness).toBe('no-writes'), TIMEOUT_MS)
  const refused = node.write(randomBytes(10), node.address(5))
  await expect(refused).rejects.toMatchObject({ code: 'disk-full' })
  expect(await readiness(node)).toMatchObject({ reasons: [{ code: 'no-writes' }] })
  expect(await node.read(hash, node.address(5))).toHaveLength(5_000)
})

test('damage is on the list after a read that met it, and the read is refused', async () => {
  const slow = { KURA_STORAGE_NODE_SCRUB_BYTES_PER_SECOND: '4096' }
  const node = await cell.startFresh(1, { settings: slow })
  await node.createExtent(5)
  const bytes = randomBytes(1 * MIB)
  const hash = await node.write(bytes, node.address(5))
  await flipBit(cell.diskPath(1), bytes)
  await expect(node.read(hash, node.address(5))).rejects.toMatchObject({ code: 'record-damaged' })
  await vi.waitFor(() => expect(cell.lastHeartbeat?.damageCount).toBe(1n))
  expect(cell.lastHeartbeat?.damages[0]).toMatchObject({
    extentId: 5n,
    diskUuid: node.node.diskUuid,
  })
})

test('an extent that cannot be opened is a damage, and keeps a suspect disk barred', async () => {
  const node = await cell.startFresh(1)
  await node.createExtent(5)
  await node.createExtent(6)
  await node.stop()
  const files = join(cell.diskPath(1), 'extents')
  const extent = await readFile(join(files, '5.extent'))
  await writeFile(join(files, '5.extent'), extent.fill(0, 0, 4096))
  await writeFile(join(cell.diskPath(1), 'SUSPECT'), 'a sync failed')
  const again = await cell.start(1)
  const damage = { extentId: 5n, part: 'page-0', offsetBytes: 0n }
  await vi.waitFor(() => expect(cell.lastHeartbeat?.damages).toMatchObject([damage]), TIMEOUT_MS)
  const verification = await again.control.verifyDisk({}, { timeoutMs: TIMEOUT_MS })
  expect(verification).toMatchObject({ extentsRead: 1n, readmitted: false, damages: [damage] })
  await expect(again.createExtent(7)).rejects.toMatchObject({ code: 'disk-suspect' })
})

test('the scrubber finds a bit that nobody read', async () => {
  const fast = {
    KURA_STORAGE_NODE_SCRUB_BYTES_PER_SECOND: String(64 * MIB),
    KURA_STORAGE_NODE_SCRUB_PERIOD_MS: '10',
  }
  const node = await cell.startFresh(1, { settings: fast })
  await node.createExtent(5)
  const bytes = randomBytes(1 * MIB)
  const hash = await node.write(bytes, node.address(5))
  const { digest } = await node.control.freezeExtent({ epoch: 1n, address: node.address(5) })
  const seal = { epoch: 1n, address: node.address(5), expectedDigest: digest }
  await node.control.sealExtent(seal)
  await flipBit(cell.diskPath(1), bytes)
  await vi.waitFor(() => expect(cell.lastHeartbeat?.damages[0]?.hash).toEqual(hash), TIMEOUT_MS)
  const verification = await node.control.verifyDisk({}, { timeoutMs: TIMEOUT_MS })
  expect(verification.damages.length).toBeGreaterThan(0)
})
