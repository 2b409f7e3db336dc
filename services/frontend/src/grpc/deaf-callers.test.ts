/**
 * Callers whose sockets stay full. The frontend is a process of its own: what its HTTP/2 library
 * does wrong there ends in a loop that takes all memory and that no JavaScript can leave.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { BLOCK_SIZE_BYTES_MAX, KIB, MIB } from '@kura/core'
import { DeafCaller } from '../testing/deaf-caller.ts'
import { GRPC_CLOSE_MS_MAX, HTTP_WRITE_STEP_TIMEOUT_MS } from '../limits.ts'
import { hashOf } from '../testing/http-caller.ts'

/** A sound frontend has a quarter of it. */
const MEMORY_BYTES_MAX = 1_024 * MIB
const WATCH_MS = 50
const STOP_MS_MAX = 20_000
/** Together more than the sockets of one connection take. */
const GETS_PER_CALLER = 6
const FAKE_ZONE = join(import.meta.dirname, '../testing/fake-zone.ts')
const PROGRAM = `
import { FakeZone } from ${JSON.stringify(FAKE_ZONE)}
const zone = await FakeZone.start()
const block = Buffer.alloc(${BLOCK_SIZE_BYTES_MAX}, 7)
await zone.put(block)
const { grpc, admin } = zone.frontend.addresses
console.log(JSON.stringify({ grpc, admin }))
process.stdin.resume().on('end', async () => {
  await zone[Symbol.asyncDispose]()
  process.exit(0)
})
`
const hash = Buffer.from(hashOf(Buffer.alloc(BLOCK_SIZE_BYTES_MAX, 7)), 'hex')

let child: ChildProcessByStdio<Writable, Readable, null>
let addresses: { readonly grpc: string; readonly admin: string }
let memoryWatch: NodeJS.Timeout

beforeEach(async () => {
  const args = ['--conditions=source', '--input-type=module', '-e', PROGRAM]
  child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  memoryWatch = setInterval(() => void killWhereTooLarge(), WATCH_MS)
  for await (const line of createInterface({ input: child.stdout })) {
    addresses = JSON.parse(line) as typeof addresses
    return
  }
  throw new Error('the frontend did not start')
})
afterEach(async () => {
  if (child.exitCode === null && child.signalCode === null) {
    child.stdin.end()
    await Promise.race([once(child, 'exit'), sleep(STOP_MS_MAX, undefined, { ref: false })])
  }
  clearInterval(memoryWatch)
  child.kill('SIGKILL')
})

async function killWhereTooLarge(): Promise<void> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '')
  const memoryBytes = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * KIB
  if (memoryBytes > MEMORY_BYTES_MAX) child.kill('SIGKILL')
}

/** The value of a metric. Rejects where the frontend is dead or does not answer. */
async function metric(name: string): Promise<number> {
  const signal = AbortSignal.timeout(5_000)
  const page = await (await fetch(`http://${addresses.admin}/metrics`, { signal })).text()
  const line = page.split('\n').find((it) => it.startsWith(`${name} `))
  return Number(line?.slice(name.length + 1))
}
const slabsUsed = async (): Promise<number> => await metric('kura_frontend_slabs_used')
const connections = async (): Promise<number> =>
  await metric('kura_frontend_connections{door="grpc"}')

/** Callers with as many answers on their way as fit into their sockets, and more. */
async function startDeafCallers(count: number): Promise<DeafCaller[]> {
  const callers: DeafCaller[] = []
  while (callers.length < count) callers.push(await DeafCaller.connect(addresses.grpc))
  for (const caller of callers) {
    for (let gets = 0; gets < GETS_PER_CALLER; gets += 1) caller.get(hash)
  }
  await expect.poll(slabsUsed).toBeGreaterThan((count * GETS_PER_CALLER) / 2)
  return callers
}

it('callers that die soon after their answers were cut do not take the frontend along', async () => {
  const callers = await startDeafCallers(4)
  await sleep(HTTP_WRITE_STEP_TIMEOUT_MS)
  // A reset that could not be sent at once waits for the socket, but no longer than the last.
  for (const caller of callers) {
    await sleep(GRPC_CLOSE_MS_MAX / callers.length)
    caller.reset()
  }
  await expect.poll(connections).toBe(0)
  await expect.poll(slabsUsed).toBe(0)
})

it('a caller that reads again is served, and one that does not is parted with', async () => {
  const [late, deaf] = await startDeafCallers(2)
  await sleep(HTTP_WRITE_STEP_TIMEOUT_MS + GRPC_CLOSE_MS_MAX / 2)
  late?.read()
  await expect.poll(connections).toBe(1)
  const receivedBytes = late?.receivedBytes ?? 0
  late?.get(hash)
  await expect.poll(() => late?.receivedBytes).toBeGreaterThan(receivedBytes + BLOCK_SIZE_BYTES_MAX)
  expect(deaf?.receivedBytes).toBe(0)
})

it('a stop does not wait for a caller that reads nothing', async () => {
  await startDeafCallers(1)
  const exited = once(child, 'exit')
  child.stdin.end()
  expect(await exited).toEqual([0, null])
})
