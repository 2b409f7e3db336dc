/**
 * Goal: an operator can believe `kura prove`: it finds nothing where nothing is wrong, however much
 * it kills; it does not call too little a proof; and it finds what is lost and what is wrong.
 *
 * Method: the command itself on a real zone. It is interrupted as soon as it has done enough, so
 * that a slow machine takes longer and fails nothing. Then bytes are changed below a running proof,
 * for one block on all of its disks, for another on one disk and so that its CRC stays right.
 */
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { makeProofBlock } from '@kura/cli'
import { ZoneMasterClient } from '@kura/client'
import type { BlockHash } from '@kura/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { flipBit } from '../support/flip-bit.ts'
import { runKura } from '../support/kura-command.ts'
import { interruptProof, proofHas, startProof } from '../support/prove-command.ts'
import { startScenarioZone, type ScenarioZone } from '../support/scenario-zone.ts'

const COPIES = 3
const PAGE_BYTES = 4096
/** Of a payload that has pages of its own. */
const LARGE_BYTES = 8_000
/** The polynomial of CRC-32: what is changed by it has the same CRC as before. */
const SAME_CRC = Buffer.from([0x41, 0x06, 0x71, 0xdb, 0x01])

let scenario: ScenarioZone

beforeAll(async () => {
  scenario = await startScenarioZone({ nodes: 4 })
})

afterAll(async () => {
  await scenario[Symbol.asyncDispose]()
})

test('kills and pauses prove that the zone keeps what it acknowledges', async () => {
  const { zone } = scenario
  // Those that are back soonest.
  const killing = ['--may-kill', 'storage-node', '--may-kill', 'frontend-1']
  const args = ['--json', '--size-max', '8KiB', '--kill-local', zone.dataDir, ...killing]
  const proof = startProof(zone, args)
  await proofHas(proof, { written: 1_000, kills: 5 })
  const { ended, report } = await interruptProof(proof)
  expect(report, ended.err).toMatchObject({ verdict: 'proven', lost: 0, wrong: 0, denied: 0 })
  expect(ended.code).toBe(0)
  expect(report.copiesRight).toBe(COPIES * report.written)
  expect(report.kills).toBeGreaterThanOrEqual(5)
  const deaths = scenario.said.filter((line) => line.includes(' died '))
  expect(deaths, 'the launcher saw every kill').toHaveLength(report.kills)
  const allowed = /^(storage-node-1-\d|frontend-1) died \(SIGKILL\)/
  expect(deaths.filter((line) => !allowed.test(line))).toEqual([])
  expect(zone.services.every(({ isRunning }) => isRunning)).toBe(true)
})

test('too few blocks are no proof', async () => {
  const { zone } = scenario
  const { code, out } = await runKura(zone, ['prove', '--for', '1s', '--rate', '20'])
  expect(code).toBe(3)
  expect(String(out)).toMatch(/^inconclusive: \d+ of at least 1000 blocks\nlost 0 wrong 0\n$/m)
})

test('lost and wrong blocks are found and named', async () => {
  const { zone } = scenario
  const content = { seed: 'damaged below', sizeBytesMax: 64 * 1024 }
  const args = ['--json', '--seed', content.seed, '--heal-wait', '2', '--rate', '50']
  const large = Array.from({ length: 40 }, (_, index) => makeProofBlock(content, index + 1)).filter(
    ({ bytes }) => bytes.length > LARGE_BYTES,
  )
  const [lost, wrong] = large
  if (lost === undefined || wrong === undefined) throw new Error('the seed makes small blocks only')
  const proof = startProof(zone, args)
  await proofHas(proof, { written: 60 })
  const copies = await findCopies(lost.hash)
  expect(copies).toHaveLength(COPIES)
  for (const { path, payloadAt } of copies) await flipBit(path, payloadAt + 100)
  const [copy] = await findCopies(wrong.hash)
  if (copy === undefined) throw new Error('the block has no copy')
  await changeKeepingCrc(copy.path, copy.payloadAt + 100)
  const { ended, report } = await interruptProof(proof)
  expect(report, ended.err).toMatchObject({
    verdict: 'failed',
    lost: 1,
    lostBlocks: [lost.hash],
    wrong: 1,
    wrongBlocks: [wrong.hash],
    copiesDamaged: COPIES,
    denied: 0,
  })
  expect(ended.code).toBe(1)
})

test('what runs elsewhere is not killed', async () => {
  const { zone } = scenario
  const args = ['prove', '--for', '1s', '--kill-local']
  const nowhere = await runKura(zone, [...args, '/nowhere'])
  expect(nowhere).toMatchObject({ code: 2, err: expect.stringContaining('(setting-invalid)') })
  const nobody = await runKura(zone, [...args, zone.dataDir, '--may-kill', 'gateway'])
  expect(nobody).toMatchObject({ code: 2, err: expect.stringContaining('no service gateway') })
})

interface CopyOnDisk {
  readonly path: string
  readonly payloadAt: number
}

async function findCopies(hash: BlockHash): Promise<readonly CopyOnDisk[]> {
  const { zoneMaster, pocket, zone } = scenario.zone.endpoints
  const master = new ZoneMasterClient({ address: zoneMaster, pocket, zone })
  try {
    const { copies, disks } = await master.explain(hash)
    return copies.flatMap(({ extent, examination }) => {
      const disk = disks.find(({ diskUuid }) => diskUuid === extent?.diskUuid)
      if (disk === undefined || examination?.state !== 'ok') return []
      const { dataDir } = scenario.zone.service(`storage-node-1-${disk.osdId}`)
      const path = join(dataDir, 'extents', `${extent?.extentId}.extent`)
      return [{ path, payloadAt: Number(examination.offsetBytes) + PAGE_BYTES }]
    })
  } finally {
    master.close()
  }
}

/** On the medium when it returns. */
async function changeKeepingCrc(path: string, offsetBytes: number): Promise<void> {
  const file = await open(path, 'r+')
  try {
    const bytes = Buffer.alloc(SAME_CRC.length)
    await file.read(bytes, 0, bytes.length, offsetBytes)
    const changed = bytes.map((byte, index) => byte ^ (SAME_CRC[index] ?? 0))
    await file.write(changed, 0, changed.length, offsetBytes)
    await file.datasync()
  } finally {
    await file.close()
  }
}
