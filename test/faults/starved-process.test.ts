/**
 * Goal: a storage node that is stopped by a signal, or that has little memory, loses nothing that
 * it acknowledged and is not killed for what others ask of it.
 *
 * Method: SIGSTOP in the middle of 16 puts and SIGCONT when their callers have given up; and a
 * memory group of the kernel around the process, with more blocks of 4 MiB on their way than it can
 * hold.
 */
import { isKuraError, MIB, type BlockHash } from '@kura/core'
import { expect } from 'vitest'
import { makeBlock } from '../support/blocks.ts'
import { faultTest } from '../support/faults/fault-test.ts'
import { MemoryGroup } from '../support/faults/memory-group.ts'
import { withStores } from '../support/faults/with-stores.ts'
import { PutLoad } from '../support/put-load.ts'

const PLACE = { fileSystem: 'ext4', device: 'file' } as const
const PUT_TIMEOUT_MS = 1_500
const LARGE_BYTES = 4 * MIB
/** What the node takes by default: 24 buffers of 4 MiB, and Node itself. */
const MEMORY_BYTES = 400 * MIB
const LARGE_PUTS = 96
const CLIENTS = 48
const REFUSALS = ['overloaded', 'unavailable', 'deadline-exceeded']
const never = new AbortController().signal

faultTest(
  'a node stopped in the middle of 16 puts loses none when it goes on',
  { needs: ['ext4'] },
  async () => {
    await withStores({ ...PLACE, timeoutMs: PUT_TIMEOUT_MS }, async ({ processes, client }) => {
      await client.createExtents(2, 16 * MIB)
      const options = { client, clientCount: 16, seed: 'stop', sizesBytes: [20_000, 100_000] }
      const load = new PutLoad({ ...options, endsWithFailure: true })
      load.start()
      await load.acknowledgedMore(30)
      await processes.node.kill('SIGSTOP')
      expect(load.inFlightCount).toBe(16)
      await load.ended()
      expect([...load.errorCounts.keys()]).toEqual(['deadline-exceeded'])
      await processes.node.kill('SIGCONT')
      for (const hash of load.acknowledged)
        expect(await client.find(hash)).toEqual({ kind: 'right' })
      for (const hash of load.unknown) {
        expect(['right', 'absent']).toContain((await client.find(hash)).kind)
      }
      const { hash } = await client.put(makeBlock('after', 100).bytes, { signal: never })
      expect(await client.find(hash)).toEqual({ kind: 'right' })
    })
  },
)

const memoryName = 'a node with little memory makes callers wait and is not killed for it'
faultTest(memoryName, { needs: ['ext4', 'memory-limit'] }, async () => {
  const group = await MemoryGroup.make(MEMORY_BYTES)
  try {
    await withStores({ ...PLACE, timeoutMs: 60_000 }, async ({ processes, client }) => {
      await group.add(processes.node.pid ?? 0)
      await client.createExtents(2, 512 * MIB)
      const acknowledged: BlockHash[] = []
      let at = 0
      const putInTurn = async (): Promise<void> => {
        while (at < LARGE_PUTS) {
          at += 1
          const { bytes } = makeBlock(`large/${at}`, LARGE_BYTES)
          // Refused for want of a buffer, or for want of patience: both are allowed.
          const put = client
            .put(bytes, { signal: never })
            .then(({ hash }) => acknowledged.push(hash))
          await put.catch((error: unknown) => expect(REFUSALS).toContain(codeOf(error)))
        }
      }
      await Promise.all(Array.from({ length: CLIENTS }, putInTurn))
      expect(await group.oomKillCount()).toBe(0)
      expect(processes.node.isRunning).toBe(true)
      expect(acknowledged.length).toBeGreaterThan(0)
      for (const hash of acknowledged) expect(await client.find(hash)).toEqual({ kind: 'right' })
    })
  } finally {
    await group.remove()
  }
})

function codeOf(error: unknown): string {
  return isKuraError(error) ? error.code : String(error)
}
