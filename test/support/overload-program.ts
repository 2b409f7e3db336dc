/**
 * A program: brings one frontend to its limits through all its doors and prints what callers saw
 * as one JSON line. A process of its own, so that what it measures is not the test runner.
 *
 * 32 slow uploads take every buffer, 64 puts wait in line, and everything beyond is refused; when
 * the uploads leave, who waits is served.
 */
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { MIB } from '@kura/core'
import { DOORS, PutCaller, type DoorAddresses, type PutEnd } from './put-caller.ts'
import { SlowUploads } from './slow-uploads.ts'

export interface OverloadReport {
  readonly heldCount: number
  readonly waiterCount: number
  /** Bytes that the frontend's process took from its sockets for 64 puts of 1 MiB that wait. */
  readonly readBytes: number
  readonly waited: readonly PutEnd[]
  readonly refused: readonly PutEnd[]
  /** Puts that waited when buffers came back. */
  readonly served: readonly PutEnd[]
  /** Statuses of slow uploads that were let to their end. */
  readonly finished: readonly number[]
}

export interface OverloadTarget extends DoorAddresses {
  readonly admin: string
  readonly pid: number
}

const HELD_MAX = 32
const WAITING_MAX = 64
const BLOCK_BYTES = 1 * MIB
const PATIENCE_MS = 3_000
const TRIES_MAX = 5
/** For what is on its way into the sockets' buffers. */
const SETTLE_MS = 200

async function main(target: OverloadTarget): Promise<void> {
  const uploads = new SlowUploads({ address: target.http, count: HELD_MAX })
  const heldCount = await gaugeReaches(target, 'slabs_used', HELD_MAX)
  const caller = new PutCaller(target, { sizeBytes: BLOCK_BYTES })
  let crowd = await gatherCrowd({ target, caller, uploads })
  // On a busy machine the first may have left before the last one came.
  for (let tries = 1; crowd.waiterCount < WAITING_MAX && tries < TRIES_MAX; tries += 1) {
    crowd = await gatherCrowd({ target, caller, uploads })
  }
  const serving = startPuts(caller, { name: 'served', count: DOORS.length })
  await gaugeReaches(target, 'admission_waiters', DOORS.length)
  const finished = await uploads.finish(DOORS.length)
  const served = await Promise.all(serving)
  caller.close()
  const report = { heldCount, ...crowd, served, finished }
  process.stdout.write(`${JSON.stringify(report satisfies OverloadReport)}\n`)
}

type Crowd = Pick<OverloadReport, 'waiterCount' | 'readBytes' | 'waited' | 'refused'>

/** 64 puts that wait, and as many more as there is time for until the first of them leaves. */
async function gatherCrowd(parts: {
  readonly target: OverloadTarget
  readonly caller: PutCaller
  readonly uploads: SlowUploads
}): Promise<Crowd> {
  const { target, caller, uploads } = parts
  const othersBytes = async () => (await readBytesOf(target.pid)) - uploads.sentBytes
  const before = await othersBytes()
  const waiting = startPuts(caller, { name: 'waiting', count: WAITING_MAX })
  const waiterCount = await gaugeReaches(target, 'admission_waiters', WAITING_MAX)
  const isFull = waiterCount === WAITING_MAX
  await sleep(SETTLE_MS)
  const readBytes = (await othersBytes()) - before
  const refused = isFull ? await refusedUntil(caller, Promise.race(waiting)) : []
  return { waiterCount, readBytes, refused, waited: await Promise.all(waiting) }
}

function startPuts(
  caller: PutCaller,
  puts: { readonly name: string; readonly count: number },
): Promise<PutEnd>[] {
  return Array.from({ length: puts.count }, (_, index) =>
    caller.put(DOORS[index % DOORS.length] ?? 'http', `${puts.name}-${index}`),
  )
}

/** One put after the other, through the doors in turn, while the line is full. */
async function refusedUntil(caller: PutCaller, end: Promise<unknown>): Promise<PutEnd[]> {
  const refused: PutEnd[] = []
  let isOver = false
  void end.then(() => (isOver = true))
  while (!isOver) {
    const door = DOORS[refused.length % DOORS.length] ?? 'http'
    refused.push(await caller.put(door, `refused-${refused.length}`))
  }
  // The last one may have met a line with room again.
  return refused.slice(0, -1)
}

/** All that the process ever read: its sockets, nearly. */
async function readBytesOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/io`, 'utf8')
  return Number(/rchar: (\d+)/.exec(text)?.[1])
}

/** The gauge's value once it is `value`, or what it is when patience ends. */
async function gaugeReaches(target: OverloadTarget, name: string, value: number): Promise<number> {
  const endsAtMs = performance.now() + PATIENCE_MS
  for (;;) {
    const text = await (await fetch(`http://${target.admin}/metrics`)).text()
    const found = Number(new RegExp(`^kura_frontend_${name} (\\d+)$`, 'm').exec(text)?.[1])
    if (found === value || performance.now() > endsAtMs) return found
  }
}

await main(JSON.parse(process.argv[2] ?? '') as OverloadTarget)
