/**
 * One hop of the block transport between two processes, to a server and from it, one exchange at a
 * time. Who receives verifies the CRC-32, as everywhere; who sends knows it.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { extname, join } from 'node:path'
import { KIB, KuraError, MIB } from '@kura/core'
import { SystemClock } from '@kura/runtime'
import { BlockClient } from '@kura/transport'
import { nameSize } from '../load/load.ts'
import type { PartContext } from '../part.ts'
import { HOP_PLACE, HopSlabs } from './hop.ts'
import { measureRow, type MicroPlan } from './micro.ts'

const SERVER = join(import.meta.dirname, `hop-server${extname(import.meta.filename)}`)
const SIZES = [4 * MIB, 4 * KIB]
const TIMEOUT_MS = 10_000
const never = new AbortController().signal

export async function measureHops(context: PartContext, plan: MicroPlan): Promise<void> {
  const rows = SIZES.flatMap((sizeBytes) => [
    { row: `transport hop ${nameSize(sizeBytes)} to a server`, sizeBytes, make: makePut },
    { row: `transport hop ${nameSize(sizeBytes)} from a server`, sizeBytes, make: makeGet },
  ]).filter(({ row }) => context.wants(row))
  if (rows.length === 0) return
  const server = fork(SERVER)
  const hello = { ...HOP_PLACE, role: 'frontend' } as const
  const client = new BlockClient({ hello, clock: new SystemClock() })
  try {
    const [address]: readonly unknown[] = await once(server, 'message')
    if (server.pid === undefined) throw new KuraError('internal', 'the server of hops has died')
    const others = [{ name: 'hop-server', group: 'hop-server', pid: server.pid }]
    const end = { client, address: String(address), slabs: new HopSlabs() }
    for (const { row, sizeBytes, make } of rows) {
      const operates = [make(end, sizeBytes)]
      const { seconds } = plan
      for (let run = 1; run <= plan.runs; run += 1) {
        const how = { row, system: 'kura', run, sizeBytes, seconds, operates, others } as const
        await measureRow(context, how)
      }
    }
  } finally {
    client.close()
    if (server.connected) server.disconnect()
  }
}

interface End {
  readonly client: BlockClient
  readonly address: string
  readonly slabs: HopSlabs
}

function makePut({ client, address, slabs }: End, sizeBytes: number): () => Promise<void> {
  const { bytes, crc } = slabs.filledOf(sizeBytes)
  const value = { sizeBytes, putAtMs: 0 }
  const request = { requestId: 'hop', operation: { case: 'writeRecord', value } } as const
  return async () => {
    const options = { sizeBytes, timeoutMs: TIMEOUT_MS, signal: never }
    const put = await client.openPut(address, request, options)
    await put.write(bytes)
    await put.commit({ crc, hash: undefined })
  }
}

function makeGet({ client, address, slabs }: End, sizeBytes: number): () => Promise<void> {
  const value = { address: { extentId: BigInt(sizeBytes) } }
  const request = { requestId: 'hop', operation: { case: 'readRecord', value } } as const
  const receive = (answeredBytes: number): Buffer => slabs.bytesOf(answeredBytes)
  return async () => {
    const options = { timeoutMs: TIMEOUT_MS, signal: never, receive }
    const { payload } = await client.exchange(address, request, options)
    if (payload?.length === sizeBytes) return
    throw new KuraError('protocol-violation', 'a hop came with another number of bytes')
  }
}
