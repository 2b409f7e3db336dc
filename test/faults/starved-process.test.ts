/**
 * Goal: a storage node that is stopped by a signal, or that has little memory, loses nothing that
 * it acknowledged and is not killed for what others ask of it.
 *
 * Method: SIGSTOP in the middle of 16 puts and SIGCONT when their callers have given up; and a
 * memory group of the kernel around the process, with more blocks of 4 MiB on their way than it can
 * hold.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { isKuraError, MIB } from '@kura/core'
import { expect } from 'vitest'
import { makeBlock } from '../support/blocks.ts'
import { faultTest } from '../support/faults/fault-test.ts'
import { MemoryGroup } from '../support/faults/memory-group.ts'
import type { StoreClient } from '../support/faults/store-client.ts'
import { withStores } from '../support/faults/with-stores.ts'
import { PutLoad } from '../support/put-load.ts'

const PLACE = { fileSystem: 'ext4', device: 'file' } as const
const PUT_TIMEOUT_MS = 1_500
const LARGE_BYTES = 4 * MIB
/** What the node needs for 24 buffers of 4 MiB and Node itself, and a quarter more. */
const MEMORY_BYTES = 224 * MIB
/** Each puts one block at the same time: the blocks alone are more than the memory. */
const CLIENTS = 64
const ATTEMPTS_MAX = 100
const RETRY_MS = 100
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
  const blocks = Array.from({ length: CLIENTS }, (_, at) => makeBlock(`large/${at}`, LARGE_BYTES))
  const group = await MemoryGroup.make(MEMORY_BYTES)
  try {
    await withStores({ ...PLACE, timeoutMs: 60_000 }, async ({ processes, client }) => {
      const { pid } = processes.node
      if (pid === undefined) throw new Error('the storage node is not running')
      await group.add(pid)
      await client.createExtents(2, 512 * MIB)
      // Connects them all: what follows keeps this process busy.
      const greet = async (at: number) =>
        client.put(makeBlock(`${at}`, 40).bytes, { signal: never })
      await Promise.all(blocks.map((_, at) => greet(at)))
      await Promise.all(blocks.map(({ bytes }) => putPatiently(client, bytes)))
      expect(await group.oomKillCount()).toBe(0)
      expect(processes.node.pid).toBe(pid)
      for (const { hash } of blocks) expect(await client.find(hash)).toEqual({ kind: 'right' })
    })
  } finally {
    await group.remove()
  }
})

/** Who waits in vain for a buffer is told so, and comes again; any other failure is one. */
async function putPatiently(client: StoreClient, bytes: Buffer): Promise<void> {
  for (let attempt = 1; attempt < ATTEMPTS_MAX; attempt += 1) {
    try {
      await client.put(bytes, { signal: never })
      return
    } catch (error) {
      if (!isKuraError(error, 'overloaded')) throw error
    }
    await sleep(RETRY_MS)
  }
  await client.put(bytes, { signal: never })
}
