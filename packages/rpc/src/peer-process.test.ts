/**
 * What only real processes show: a peer that is killed in the middle of a call or a stream, one
 * that stands still, and a failed assertion in a handler.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { KuraError, parsePocketId, parseZoneId } from '@kura/core'
import { VolumeManager } from '@kura/proto'
import { createRpcClient, type ProcessIdentity, type RpcClientOf } from './index.ts'

const children: ChildProcess[] = []
const clients: RpcClientOf<typeof VolumeManager>[] = []
afterEach(() => {
  for (const client of clients.splice(0)) client.close()
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

const identity: ProcessIdentity = {
  pocket: parsePocketId('test'),
  zone: parseZoneId('a'),
  kind: 'frontend',
  id: '1',
}

const RPC = join(import.meta.dirname, 'index.ts')
const CORE = join(import.meta.dirname, '../../core/src/index.ts')
const PROTO = join(import.meta.dirname, '../../../proto/index.js')

/** A process with a volume manager whose calls hang, except `reportFailure`, which asserts. */
async function startPeer(listenAddress = '127.0.0.1:0') {
  const child = spawn(
    process.execPath,
    [
      '--conditions=source',
      '--input-type=module',
      '-e',
      `import { RpcServer } from ${JSON.stringify(RPC)}
       import { assert } from ${JSON.stringify(CORE)}
       import { VolumeManager } from ${JSON.stringify(PROTO)}
       const never = () => new Promise(() => {})
       const identity = { pocket: 'test', zone: 'a', kind: 'volume-manager', id: '1-1' }
       const server = new RpcServer({ identity })
       const methods = Object.keys(VolumeManager.method).map((name) => [name, never])
       server.add(VolumeManager, {
         ...Object.fromEntries(methods),
         heartbeat: async () => ({}),
         reportFailure: async () => assert(false, 'two and two are five'),
         async *watchCellMap() { yield { cellId: 1 }; await never() },
       })
       console.log(await server.listen(${JSON.stringify(listenAddress)}))`,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  children.push(child)
  let complaint = ''
  child.stderr.on('data', (bytes: Buffer) => (complaint += bytes.toString()))
  const [line] = await once(child.stdout, 'data').catch(() => [''])
  const address = String(line).trim()
  expect(address, complaint).toMatch(/:\d+$/)
  const client = createRpcClient(VolumeManager, { identity, resolve: async () => address })
  clients.push(client)
  return { child, address, client, complaint: () => complaint }
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  return await call.then(
    () => 'ok',
    (error: unknown) => (error instanceof KuraError ? error.code : String(error)),
  )
}

it('a call to a peer that is killed fails at once as unavailable, and so do the next', async () => {
  const { child, client } = await startPeer()
  expect(await codeOf(client.heartbeat({}))).toBe('ok')
  const underWay = codeOf(client.getCellStatus({}, { timeoutMs: 30_000 }))
  await codeOf(client.heartbeat({}))
  const killedAtMs = performance.now()
  child.kill('SIGKILL')
  expect(await underWay).toBe('unavailable')
  for (let call = 0; call < 3; call += 1) {
    expect(await codeOf(client.heartbeat({}))).toBe('unavailable')
  }
  expect(performance.now() - killedAtMs).toBeLessThan(1_500)
})

it('a stream from a peer that is killed ends at once as unavailable', async () => {
  const { child, client } = await startPeer()
  let endedAfterMs = 0
  const reading = (async () => {
    for await (const update of client.watchCellMap({})) {
      expect(update.cellId).toBe(1)
      endedAfterMs = performance.now()
      child.kill('SIGKILL')
    }
  })()
  expect(await codeOf(reading)).toBe('unavailable')
  expect(performance.now() - endedAfterMs).toBeLessThan(1_500)
})

it('a killed peer that comes back on its port is reachable within about a second', async () => {
  const first = await startPeer()
  expect(await codeOf(first.client.heartbeat({}))).toBe('ok')
  first.child.kill('SIGKILL')
  await once(first.child, 'exit')
  expect(await codeOf(first.client.heartbeat({}))).toBe('unavailable')
  await startPeer(first.address)
  const backAtMs = performance.now()
  await expect
    .poll(() => codeOf(first.client.heartbeat({})), { interval: 20, timeout: 5_000 })
    .toBe('ok')
  expect(performance.now() - backAtMs).toBeLessThan(1_500)
})

it('a call to a peer that stands still ends with its deadline', async () => {
  const { child, client } = await startPeer()
  expect(await codeOf(client.heartbeat({}))).toBe('ok')
  child.kill('SIGSTOP')
  const startedAtMs = performance.now()
  expect(await codeOf(client.heartbeat({}, { timeoutMs: 300 }))).toBe('deadline-exceeded')
  expect(performance.now() - startedAtMs).toBeLessThan(1_500)
  child.kill('SIGCONT')
  expect(await codeOf(client.heartbeat({}))).toBe('ok')
})

it('a failed assertion in a handler ends the process', async () => {
  const { child, client, complaint } = await startPeer()
  const exited = once(child, 'exit')
  expect(await codeOf(client.reportFailure({}))).not.toBe('ok')
  const [exitCode] = await exited
  expect(exitCode).not.toBe(0)
  expect(complaint()).toContain('two and two are five')
})
