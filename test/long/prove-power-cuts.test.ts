/**
 * Goal: `npm start -- --power-cut-disks` makes a zone whose power `kura prove` can cut, disk by
 * disk, and what the zone has acknowledged survives; when the zone stops, nothing stays mounted.
 *
 * Method: the zone of the launcher and the command itself, which is interrupted when it has done
 * enough. Each cut leaves an unsynced file behind and counts only if that is gone afterwards.
 */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { GIB, MIB } from '@kura/core'
import { LocalZone } from '@kura/local'
import { expect } from 'vitest'
import { faultTest } from '../support/faults/fault-test.ts'
import { makeScratchFolder } from '../support/faults/scratch-folder.ts'
import { interruptProof, proofHas, startProof } from '../support/prove-command.ts'

const NODES = 4
const COPIES = 3
/** What the media come to hold. */
const MEDIA_BYTES = 4 * GIB
const TIMEOUT_MS = 180_000

faultTest(
  'a zone whose disks lose power under kura prove loses nothing acknowledged',
  { needs: ['ext4', 'fault-disk'], timeoutMs: TIMEOUT_MS },
  async () => {
    const folder = await makeScratchFolder(MEDIA_BYTES)
    const shape = { nodes: NODES, bucketSizeBytes: 32 * MIB, powerCutDisks: true }
    const zone = await LocalZone.start({ ...shape, dataDir: join(folder, 'zone'), portBase: 0 })
    try {
      expect(await mountsBelow(folder)).toHaveLength(2 * NODES)
      const killing = ['--kill-local', zone.dataDir, '--may-kill', 'storage-node']
      const proof = startProof(zone, ['--json', '--size-max', '8KiB', ...killing])
      await proofHas(proof, { written: 1_000, kills: 5, cuts: 2 })
      const { ended, report } = await interruptProof(proof)
      expect(report, ended.err).toMatchObject({ verdict: 'proven', lost: 0, wrong: 0, denied: 0 })
      expect(ended.code).toBe(0)
      expect(report.copiesRight).toBe(COPIES * report.written)
    } finally {
      await zone.stop()
    }
    expect(await mountsBelow(folder)).toEqual([])
    await rm(folder, { recursive: true })
  },
)

async function mountsBelow(folder: string): Promise<readonly string[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n')
  return lines.map((line) => line.split(' ')[4] ?? '').filter((path) => path.startsWith(folder))
}
