import { setTimeout as sleep } from 'node:timers/promises'
import { BlockIndex, VolumeManager } from '@kura/proto'
import { KuraError, parseCellId, parsePocketId, parseZoneId } from '@kura/core'
import { afterEach, expect, it } from 'vitest'
import {
  canConnect,
  createRpcClient,
  RpcServer,
  type CallRecord,
  type ProcessIdentity,
  type RpcHandlers,
} from './index.ts'

const closers: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

function identity(overrides: Partial<ProcessIdentity> = {}): ProcessIdentity {
  const place = { pocket: parsePocketId('test'), zone: parseZoneId('a') }
  return { ...place, kind: 'frontend', id: '1', ...overrides }
}

const refuse = (): Promise<never> => Promise.reject(new KuraError('unimplemented', 'not here'))
async function* silence(): AsyncGenerator<never> {}

async function startIndex(
  handlers: Partial<RpcHandlers<typeof BlockIndex>>,
  options: { address?: string; records?: CallRecord[]; identity?: ProcessIdentity } = {},
): Promise<{ server: RpcServer; address: string }> {
  const server = new RpcServer({
    identity: options.identity ?? identity({ kind: 'block-index' }),
    onCall: (record) => options.records?.push(record),
  })
  server.add(BlockIndex, {
    locateBlock: refuse,
    locateBlocks: refuse,
    confirmBlock: refuse,
    recordBlocks: refuse,
    createGate: refuse,
    fenceBucket: refuse,
    readFeed: refuse,
    getIndexStatus: refuse,
    backUp: silence,
    ...handlers,
  })
  const address = await server.listen(options.address ?? '127.0.0.1:0')
  closers.push(() => server.close({ graceMs: 100 }))
  return { server, address }
}

function indexClient(resolve: () => Promise<string>, own = identity()) {
  const client = createRpcClient(BlockIndex, { identity: own, resolve })
  closers.push(() => client.close())
  return client
}

it('a call carries its message, its caller and its request id', async () => {
  const records: CallRecord[] = []
  const { address } = await startIndex(
    {
      locateBlock: async (request, context) => {
        expect(context.caller).toEqual(identity())
        expect(context.requestId).toBe('put-7')
        expect(context.deadlineMs - Date.now()).toBeGreaterThan(1_000)
        return { found: request.hash.length === 32, nowMs: 1.5 }
      },
    },
    { records },
  )
  const client = indexClient(async () => address)
  const answer = await client.locateBlock({ hash: new Uint8Array(32) }, { requestId: 'put-7' })
  expect(answer).toMatchObject({ found: true, live: false, nowMs: 1.5 })
  await expect.poll(() => records).toHaveLength(1)
  expect(records[0]).toMatchObject({ method: 'locateBlock', code: 'ok', caller: 'frontend 1' })
  expect(records[0]?.requestId).toBe('put-7')
})

it('an error reaches the caller with code, message, hint and details', async () => {
  const { address } = await startIndex({
    createGate: async () => {
      const details = { bucketId: 7, text: 'Ωμέγα' }
      throw new KuraError('gate-closed', 'zu – geschlossen', { details, hint: 'another bucket' })
    },
  })
  const error = await failure(indexClient(async () => address).createGate({ bucketId: 7n }))
  expect(error).toMatchObject({
    code: 'gate-closed',
    message: 'zu – geschlossen',
    hint: 'another bucket',
    details: { bucketId: '7', text: 'Ωμέγα' },
    retryable: true,
  })
})

it('a bug in a handler is `internal` for the caller and kept for the log', async () => {
  const records: CallRecord[] = []
  const bug = new TypeError('undefined is not a bucket')
  const { address } = await startIndex({ createGate: () => Promise.reject(bug) }, { records })
  const error = await failure(indexClient(async () => address).createGate({ bucketId: 7n }))
  expect(error.code).toBe('internal')
  await expect.poll(() => records[0]?.error?.cause).toBe(bug)
})

it('a caller of another pocket, zone or cell is refused before the handler runs', async () => {
  let ran = 0
  const { address } = await startIndex(
    {
      createGate: async () => {
        ran += 1
        return {}
      },
    },
    { identity: identity({ kind: 'volume-manager', cellId: parseCellId(1) }) },
  )
  const strangers = [
    identity({ pocket: parsePocketId('other') }),
    identity({ zone: parseZoneId('b') }),
    identity({ kind: 'storage-node', cellId: parseCellId(2) }),
  ]
  for (const stranger of strangers) {
    const client = indexClient(async () => address, stranger)
    const error = await failure(client.createGate({ bucketId: 1n }))
    expect(error.code).toBe('identity-mismatch')
  }
  expect(ran).toBe(0)
  const friend = identity({ kind: 'storage-node', cellId: parseCellId(1) })
  await indexClient(async () => address, friend).createGate({ bucketId: 1n })
  await indexClient(async () => address).createGate({ bucketId: 1n })
  expect(ran).toBe(2)
})

it('a deadline ends the call on both sides', async () => {
  const seen = Promise.withResolvers<unknown>()
  const { address } = await startIndex({
    createGate: async (_request, { signal }) => {
      signal.addEventListener('abort', () => seen.resolve(signal.reason))
      await sleep(2_000, undefined, { signal })
      return {}
    },
  })
  const client = indexClient(async () => address)
  const startedAtMs = performance.now()
  const error = await failure(client.createGate({ bucketId: 1n }, { timeoutMs: 80 }))
  expect(error.code).toBe('deadline-exceeded')
  expect(performance.now() - startedAtMs).toBeLessThan(1_000)
  expect(await seen.promise).toMatchObject({ code: 'cancelled' })
})

it('aborting the signal cancels the call on both sides', async () => {
  const seen = Promise.withResolvers<unknown>()
  const { address } = await startIndex({
    createGate: async (_request, { signal }) => {
      signal.addEventListener('abort', () => seen.resolve(signal.reason))
      controller.abort()
      await sleep(2_000, undefined, { signal })
      return {}
    },
  })
  const controller = new AbortController()
  const client = indexClient(async () => address)
  const error = await failure(client.createGate({ bucketId: 1n }, { signal: controller.signal }))
  expect(error.code).toBe('cancelled')
  expect(await seen.promise).toMatchObject({ code: 'cancelled' })
  const late = await failure(client.createGate({ bucketId: 1n }, { signal: controller.signal }))
  expect(late.code).toBe('cancelled')
})

it('a peer that is gone fails fast, and is found on its new port by the next call', async () => {
  const first = await startIndex({ createGate: async () => ({}) })
  let address = first.address
  const client = indexClient(async () => address)
  await client.createGate({ bucketId: 1n })
  await first.server.close({ graceMs: 0 })
  const startedAtMs = performance.now()
  expect((await failure(client.createGate({ bucketId: 1n }))).code).toBe('unavailable')
  expect(performance.now() - startedAtMs).toBeLessThan(500)
  address = (await startIndex({ createGate: async () => ({}) })).address
  await client.createGate({ bucketId: 1n })
})

it('a call whose session is closed for the many that were cancelled may be made again', async () => {
  const never = (): Promise<never> => new Promise(() => undefined)
  const { address } = await startIndex({ locateBlock: never, createGate: never })
  const client = createRpcClient(BlockIndex, { identity: identity(), resolve: async () => address })
  closers.push(() => client.close())
  let ended = false
  const held = failure(client.createGate({ bucketId: 1n }, { timeoutMs: 30_000 })).then((error) => {
    ended = true
    return error
  })
  // More than the peer's HTTP/2 lets pass at once.
  for (let round = 0; round < 40 && !ended; round += 1) {
    const caller = new AbortController()
    const calls = Array.from({ length: 100 }, () =>
      failure(client.locateBlock({ hash: new Uint8Array(32) }, { signal: caller.signal })),
    )
    await sleep(20)
    caller.abort()
    await Promise.all(calls)
  }
  expect(await held).toMatchObject({ code: 'unavailable', retryable: true })
})

it('a peer that comes back on its old port is reachable within a second', async () => {
  const first = await startIndex({ createGate: async () => ({}) })
  const client = indexClient(async () => first.address)
  await client.createGate({ bucketId: 1n })
  await first.server.close({ graceMs: 0 })
  for (let attempt = 0; attempt < 12; attempt += 1) {
    await failure(client.createGate({ bucketId: 1n }))
    await sleep(150)
  }
  await startIndex({ createGate: async () => ({}) }, { address: first.address })
  const backAtMs = performance.now()
  await expect
    .poll(() => client.createGate({ bucketId: 1n }).then(() => 'ok', String), {
      interval: 20,
      timeout: 5_000,
    })
    .toBe('ok')
  expect(performance.now() - backAtMs).toBeLessThan(1_500)
})

it('after `not-leader` the address is asked again, naming the one that failed', async () => {
  const standby = await startIndex({
    createGate: () => Promise.reject(new KuraError('not-leader', 'the other one leads')),
  })
  const leader = await startIndex({ createGate: async () => ({}) })
  const client = createRpcClient(BlockIndex, {
    identity: identity(),
    resolve: async (failed) => (failed === standby.address ? leader.address : standby.address),
  })
  closers.push(() => client.close())
  expect((await failure(client.createGate({ bucketId: 1n }))).code).toBe('not-leader')
  await client.createGate({ bucketId: 1n })
})

it('another service on the port of a dead peer counts as the peer being away', async () => {
  const stranger = new RpcServer({ identity: identity({ kind: 'storage-node' }) })
  const taken = await stranger.listen('127.0.0.1:0')
  closers.push(() => stranger.close({ graceMs: 0 }))
  const { address } = await startIndex({ createGate: async () => ({}) })
  const client = createRpcClient(BlockIndex, {
    identity: identity(),
    resolve: async (failed) => (failed === undefined ? taken : address),
  })
  closers.push(() => client.close())
  expect((await failure(client.createGate({ bucketId: 1n }))).code).toBe('unavailable')
  await client.createGate({ bucketId: 1n })
})

it('a message above 4 MiB passes and one above 16 MiB is refused', async () => {
  const { address } = await startIndex({ locateBlock: async () => ({ found: true }) })
  const client = indexClient(async () => address)
  await client.locateBlock({ hash: new Uint8Array(5 * 2 ** 20) })
  const error = await failure(client.locateBlock({ hash: new Uint8Array(17 * 2 ** 20) }))
  expect(error.code).toBe('overloaded')
})

type MapHandlers = RpcHandlers<typeof VolumeManager>

async function startManager(watchCellMap: MapHandlers['watchCellMap']) {
  const server = new RpcServer({ identity: identity({ kind: 'volume-manager' }) })
  server.add(VolumeManager, {
    heartbeat: refuse,
    reportFailure: refuse,
    getPlacements: refuse,
    getCellStatus: refuse,
    repairCell: refuse,
    describeDiskLoss: refuse,
    closeVolumes: refuse,
    trustIndex: refuse,
    backUp: silence,
    watchCellMap,
  })
  const address = await server.listen('127.0.0.1:0')
  closers.push(() => server.close({ graceMs: 100 }))
  const client = createRpcClient(VolumeManager, {
    identity: identity(),
    resolve: async () => address,
  })
  closers.push(() => client.close())
  return { server, client }
}

it('a stream ends after its last message', async () => {
  const { client } = await startManager(async function* () {
    for (let version = 1n; version <= 3n; version += 1n) yield { toVersion: version }
  })
  const versions: bigint[] = []
  for await (const update of client.watchCellMap({})) versions.push(update.toVersion)
  expect(versions).toEqual([1n, 2n, 3n])
})

it('a stream that nobody reads stops its source, and leaving it cancels the source', async () => {
  let sent = 0
  const stopped = Promise.withResolvers<string>()
  const alarms = ['x'.repeat(64 * 1024)]
  const { client } = await startManager(async function* (_request, { signal }) {
    signal.addEventListener('abort', () => stopped.resolve('aborted'))
    for (; sent < 2_000; sent += 1) {
      yield { cellId: 1, incarnation: { random: alarms[0] ?? '' } }
    }
  })
  let received = 0
  for await (const update of client.watchCellMap({})) {
    expect(update.cellId).toBe(1)
    received += 1
    if (received === 3) {
      await sleep(300)
      break
    }
  }
  expect(await stopped.promise).toBe('aborted')
  await sleep(50)
  expect(sent).toBeLessThan(1_000)
})

it('a waiting stream ends when its reader aborts and when its server closes', async () => {
  const waitForAbort = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
  const { client, server } = await startManager(async function* (_request, { signal }) {
    yield { cellId: 1 }
    await waitForAbort(signal)
  })
  const controller = new AbortController()
  const aborted = failure(
    (async () => {
      for await (const _ of client.watchCellMap({}, { signal: controller.signal })) {
        controller.abort()
      }
    })(),
  )
  expect((await aborted).code).toBe('cancelled')
  const closed = await failure(
    (async () => {
      for await (const _ of client.watchCellMap({})) closing = server.close({ graceMs: 5_000 })
    })(),
  )
  expect(closed.code).toBe('shutting-down')
  const startedAtMs = performance.now()
  await closing
  expect(performance.now() - startedAtMs).toBeLessThan(2_000)
})
let closing: Promise<void> | undefined

it('an error in a stream reaches the reader after the messages before it', async () => {
  const { client } = await startManager(async function* () {
    yield { cellId: 4 }
    throw new KuraError('not-leader', 'deposed')
  })
  const seen: number[] = []
  const error = await failure(
    (async () => {
      for await (const update of client.watchCellMap({})) seen.push(update.cellId)
    })(),
  )
  expect(seen).toEqual([4])
  expect(error.code).toBe('not-leader')
})

it('a closed client refuses calls', async () => {
  const { client } = await startManager(silence)
  client.close()
  expect((await failure(client.getCellStatus({}))).code).toBe('shutting-down')
})

it('a second server on the same port is told that the port is taken', async () => {
  const { address } = await startIndex({})
  expect((await failure(startIndex({}, { address }))).code).toBe('port-taken')
})

it('canConnect tells a listener from a closed port and from nonsense', async () => {
  const { address, server } = await startIndex({})
  expect(await canConnect(address, { timeoutMs: 1_000 })).toBe(true)
  await server.close({ graceMs: 0 })
  expect(await canConnect(address, { timeoutMs: 1_000 })).toBe(false)
  expect(await canConnect('nowhere', { timeoutMs: 1_000 })).toBe(false)
})

async function failure(call: Promise<unknown>): Promise<KuraError> {
  const outcome = await call.then(
    () => 'no failure',
    (error: unknown) => error,
  )
  if (outcome instanceof KuraError) return outcome
  throw new Error(`expected a KuraError, got ${String(outcome)}`)
}
