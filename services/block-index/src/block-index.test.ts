/** The service over real sockets, and as a real process where kills and failing disks are about. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { INDEX_BATCH_ROWS_MAX, isKuraError, parsePocketId, parseZoneId } from '@kura/core'
import { DirectoryCoordinator } from '@kura/coordination'
import { BlockIndex as BlockIndexDescriptor, type RecordOutcome } from '@kura/proto'
import { createRpcClient, decodeErrorDetails, type RpcClientOf } from '@kura/rpc'
import { createLogger, SystemClock } from '@kura/runtime'
import { SeededRandom, temporaryDirectory, type TemporaryDirectory } from '@kura/testkit'
import { BlockIndex, initialiseBlockIndex, parseConfig, type BlockIndexConfig } from './index.ts'

type Client = RpcClientOf<typeof BlockIndexDescriptor>

const BUCKET = 7n
/** Of util-linux: limits a running process. */
const PRLIMIT = 'prlimit'
const EXIT_DATABASE_FAILED = 74

let directory: TemporaryDirectory
let env: Record<string, string>
let config: BlockIndexConfig
const clients: Client[] = []
const children: ChildProcess[] = []

beforeEach(async () => {
  directory = await temporaryDirectory()
  env = {
    KURA_BLOCK_INDEX_DATA_DIR: join(directory.path, 'data'),
    KURA_BLOCK_INDEX_COORDINATION_DIR: join(directory.path, 'coordination'),
    KURA_VERIFY: 'all',
  }
  config = parseConfig(env)
  initialiseBlockIndex(config, new SeededRandom(1))
})
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  await directory[Symbol.asyncDispose]()
})

function clientOf(address: string, zone = 'a'): Client {
  const client = createRpcClient(BlockIndexDescriptor, {
    identity: {
      pocket: parsePocketId('local'),
      zone: parseZoneId(zone),
      kind: 'frontend',
      id: '1',
    },
    resolve: async () => address,
  })
  clients.push(client)
  return client
}

async function startService(): Promise<BlockIndex> {
  const logger = createLogger({ service: 'block-index', id: '1', level: 'silent' })
  const service = BlockIndex.create(config, { logger })
  await service.start()
  return service
}

interface ServiceProcess {
  readonly child: ChildProcess
  readonly client: Client
}

async function spawnService(): Promise<ServiceProcess> {
  const program = join(import.meta.dirname, 'main.ts')
  const child = spawn(process.execPath, ['--conditions=source', program], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  for await (const line of createInterface({ input: child.stdout })) {
    const entry = JSON.parse(line) as { readonly msg: string; readonly rpcAddress?: string }
    if (entry.msg !== 'ready' || entry.rpcAddress === undefined) continue
    child.stdout.resume()
    return { child, client: clientOf(entry.rpcAddress) }
  }
  throw new Error('the process ended before it was ready')
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function putOf(text: string) {
  return { hash: hashOf(text), bucketId: BUCKET, sizeBytes: 1000, plainCrc: 0xfedcba98 }
}

async function record(client: Client, put: ReturnType<typeof putOf>) {
  const { outcomes } = await client.recordBlocks({ entries: [put] })
  const outcome = outcomes[0]?.outcome
  if (outcome?.case === 'error') throw decodeErrorDetails(outcome.value)
  if (outcome?.case === 'answer') return outcome.value
  throw new Error('the entry was not answered')
}

function outcomesOf(response: { readonly outcomes: readonly RecordOutcome[] }): string[] {
  return response.outcomes.map(({ outcome }) =>
    outcome.case === 'error' ? outcome.value.code : String(outcome.case),
  )
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call
    return 'ok'
  } catch (error) {
    return isKuraError(error) ? error.code : String(error)
  }
}

it('a block is put, located, confirmed and read from the feed over RPC', async () => {
  await using service = await startService()
  const client = clientOf(service.rpcAddress)
  expect(await client.locateBlock({ hash: hashOf('a') })).toMatchObject({
    found: false,
    live: false,
  })
  await client.createGate({ bucketId: BUCKET })
  const recorded = await record(client, putOf('a'))
  expect(recorded).toMatchObject({ newlyStored: true, incarnation: { number: 1 } })
  const located = await client.locateBlock({ hash: hashOf('a') })
  expect(located).toMatchObject({ found: true, live: true })
  expect(located.row).toEqual(recorded.row)
  expect(Buffer.from(located.row?.hash ?? []).equals(hashOf('a'))).toBe(true)
  expect(located.row).toMatchObject({ bucketId: BUCKET, plainCrc: 0xfedcba98, originZone: 'a' })
  expect(located.nowMs).toBeGreaterThanOrEqual(located.row?.lastPutMs ?? Infinity)
  const confirmed = await client.confirmBlock({ hash: hashOf('a'), expectedBucketId: BUCKET })
  expect(confirmed).toMatchObject({ newlyStored: false, row: located.row })
  const feed = await client.readFeed({ partition: located.row?.partition ?? 99 })
  expect(feed.rows).toEqual([located.row])
  await client.fenceBucket({ bucketId: BUCKET })
  expect(await codeOf(record(client, putOf('b')))).toBe('gate-closed')
  expect(await client.getIndexStatus({})).toMatchObject({ rowCount: 1n, pocket: 'local' })
})

it('requests that make no sense are refused by code', async () => {
  await using service = await startService()
  const client = clientOf(service.rpcAddress)
  await client.createGate({ bucketId: BUCKET })
  const put = putOf('a')
  expect(await codeOf(record(client, { ...put, sizeBytes: 0 }))).toBe('block-empty')
  const tooLarge = { ...put, sizeBytes: 4 * 1024 * 1024 + 1 }
  expect(await codeOf(record(client, tooLarge))).toBe('block-too-large')
  expect(await codeOf(record(client, { ...put, bucketId: 0n }))).toBe('invalid-argument')
  expect(await codeOf(record(client, { ...put, hash: Buffer.alloc(31) }))).toBe('invalid-hash')
  expect(await codeOf(client.createGate({ bucketId: 2n ** 53n }))).toBe('invalid-argument')
  expect(await codeOf(client.readFeed({ partition: 16 }))).toBe('invalid-argument')
  expect(await codeOf(clientOf(service.rpcAddress, 'b').getIndexStatus({}))).toBe(
    'identity-mismatch',
  )
})

it('entries of one call share a commit, and each stands or is refused by itself', async () => {
  const lines: Record<string, unknown>[] = []
  const logger = createLogger({
    service: 'block-index',
    id: '1',
    level: 'debug',
    destination: { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) },
  })
  await using service = BlockIndex.create(config, { logger })
  await service.start()
  const client = clientOf(service.rpcAddress)
  await client.createGate({ bucketId: BUCKET })
  const entries = [
    { ...putOf('a'), requestId: 'put-a' },
    { ...putOf('b'), bucketId: 8n, requestId: 'put-b' },
    { ...putOf('c'), hash: Buffer.alloc(31), requestId: 'put-c' },
    { ...putOf('d'), requestId: 'put-d' },
  ]
  const codes = ['answer', 'gate-closed', 'invalid-hash', 'answer']
  const response = await client.recordBlocks({ entries }, { requestId: 'call-1' })
  expect(outcomesOf(response)).toEqual(codes)
  const rows = response.outcomes.map(({ outcome }) =>
    outcome.case === 'answer' ? Buffer.from(outcome.value.row?.hash ?? []) : undefined,
  )
  expect(rows).toEqual([hashOf('a'), undefined, undefined, hashOf('d')])
  const again = await client.recordBlocks({ entries })
  expect(outcomesOf(again)).toEqual(codes)
  expect(await client.getIndexStatus({})).toMatchObject({ rowCount: 2n, commitCount: 3n })
  const metrics = await (await fetch(`http://${service.adminAddress}/metrics`)).text()
  const counted = 'kura_block_index_entries_total{method="recordBlocks",code='
  expect(metrics).toContain(`${counted}"ok"} 4`)
  expect(metrics).toContain(`${counted}"gate-closed"} 2`)
  const { callId, method, code } = lines.find(({ requestId }) => requestId === 'put-b') ?? {}
  expect({ callId, method, code }).toEqual({
    callId: 'call-1',
    method: 'recordBlocks',
    code: 'gate-closed',
  })
})

it('many blocks are located in one call, in order', async () => {
  await using service = await startService()
  const client = clientOf(service.rpcAddress)
  await client.createGate({ bucketId: BUCKET })
  const { row } = await record(client, putOf('a'))
  const hashes = [hashOf('b'), hashOf('a'), Buffer.alloc(3)]
  const { outcomes } = await client.locateBlocks({ entries: hashes.map((hash) => ({ hash })) })
  expect(outcomes.map(({ outcome }) => outcome)).toMatchObject([
    { case: 'answer', value: { found: false } },
    { case: 'answer', value: { found: true, live: true, row } },
    { case: 'error', value: { code: 'invalid-hash' } },
  ])
})

it('a call with more entries than one commit takes is refused as a whole', async () => {
  await using service = await startService()
  const client = clientOf(service.rpcAddress)
  await client.createGate({ bucketId: BUCKET })
  const puts = Array.from({ length: INDEX_BATCH_ROWS_MAX + 1 }, (_, at) => putOf(`${at}`))
  expect(await codeOf(client.recordBlocks({ entries: puts }))).toBe('invalid-argument')
  expect(await codeOf(client.locateBlocks({ entries: puts }))).toBe('invalid-argument')
  expect(await client.getIndexStatus({})).toMatchObject({ rowCount: 0n })
  const most = await client.recordBlocks({ entries: puts.slice(1) })
  expect(new Set(outcomesOf(most))).toEqual(new Set(['answer']))
  expect(await client.getIndexStatus({})).toMatchObject({ rowCount: 256n, commitCount: 2n })
})

it('a feed cursor of another incarnation is refused and says which one it must be', async () => {
  await using service = await startService()
  const client = clientOf(service.rpcAddress)
  const { incarnation } = await client.readFeed({ partition: 0 })
  const query = { partition: 0, afterPosition: 5n }
  expect(await codeOf(client.readFeed({ ...query, incarnation }))).toBe('ok')
  expect(await codeOf(client.readFeed(query))).toBe('identity-mismatch')
  const other = { number: 1, random: '0000000000000000' }
  const refusal = client.readFeed({ ...query, incarnation: other })
  await expect(refusal).rejects.toMatchObject({
    code: 'identity-mismatch',
    details: { incarnationRandom: incarnation?.random },
  })
})

it('it announces itself, is ready, and counts what it does', async () => {
  const service = await startService()
  const coordinator = await DirectoryCoordinator.open({
    directory: config.coordinationDir,
    clock: new SystemClock(),
    random: new SeededRandom(2),
  })
  expect(await coordinator.members('block-index')).toMatchObject([
    { id: '1', addresses: { rpc: service.rpcAddress } },
  ])
  const ready = await fetch(`http://${service.adminAddress}/readyz`)
  expect(ready.status).toBe(200)
  await clientOf(service.rpcAddress).createGate({ bucketId: BUCKET })
  const metrics = await (await fetch(`http://${service.adminAddress}/metrics`)).text()
  expect(metrics).toContain('kura_block_index_calls_total{method="createGate",code="ok"} 1')
  expect(metrics).toContain('kura_block_index_commit_operations_count 1')
  expect(metrics).toContain('kura_block_index_rows 0')
  await service[Symbol.asyncDispose]()
  expect(service.readiness()).toMatchObject([{ code: 'stopping' }])
  expect(await coordinator.members('block-index')).toEqual([])
  await coordinator.close()
})

it('it never makes a database, and does not share one', async () => {
  const service = await startService()
  await expect(startService()).rejects.toMatchObject({ code: 'locked' })
  await service[Symbol.asyncDispose]()
  const elsewhere = { ...config, dataDir: join(directory.path, 'elsewhere') }
  const other = BlockIndex.create(elsewhere, {
    logger: createLogger({ service: 'block-index', id: '1', level: 'silent' }),
  })
  await expect(other.start()).rejects.toMatchObject({ code: 'genesis-missing' })
})

it('settings are checked by name', () => {
  expect(parseConfig({ KURA_BLOCK_INDEX_T_MIN_MS: '60000' }).tMinMs).toBe(60_000)
  expect(() => parseConfig({ KURA_BLOCK_INDEX_T_MIN_MS: '5' })).toThrow(/KURA_BLOCK_INDEX_T_MIN_MS/)
  expect(() => parseConfig({ KURA_BLOCK_INDEX_T_MIN: '60000' })).toThrow(
    expect.objectContaining({ code: 'setting-invalid' }),
  )
})

/** Puts with 16 callers until one fails; the texts that were acknowledged. */
async function putUntilFailure(
  client: Client,
  options: { readonly prefix: string; readonly onAcknowledged: (count: number) => void },
): Promise<{ readonly acknowledged: readonly string[]; readonly codes: ReadonlySet<string> }> {
  const acknowledged: string[] = []
  const codes = new Set<string>()
  const caller = async (callerNumber: number): Promise<void> => {
    for (let index = 0; ; index += 1) {
      const text = `${options.prefix} ${callerNumber} ${index}`
      const code = await codeOf(record(client, putOf(text)))
      if (code !== 'ok') {
        codes.add(code)
        return
      }
      acknowledged.push(text)
      options.onAcknowledged(acknowledged.length)
    }
  }
  await Promise.all(Array.from({ length: 16 }, (_, callerNumber) => caller(callerNumber)))
  return { acknowledged, codes }
}

async function findMissing(client: Client, texts: readonly string[]): Promise<readonly string[]> {
  const missing: string[] = []
  for (const text of texts) {
    const { live, row } = await client.locateBlock({ hash: hashOf(text) })
    if (!live || row?.bucketId !== BUCKET || row.sizeBytes !== 1000) missing.push(text)
  }
  return missing
}

it('a kill under load loses no acknowledged row, and positions never repeat', async () => {
  const acknowledged: string[] = []
  for (const round of ['first', 'second', 'third']) {
    const { child, client } = await spawnService()
    await client.createGate({ bucketId: BUCKET })
    expect(await findMissing(client, acknowledged)).toEqual([])
    const load = await putUntilFailure(client, {
      prefix: round,
      onAcknowledged: (count) => {
        if (count === 150) child.kill('SIGKILL')
      },
    })
    expect(load.acknowledged.length).toBeGreaterThanOrEqual(150)
    expect(child.exitCode).toBeNull()
    acknowledged.push(...load.acknowledged)
  }
  const { client } = await spawnService()
  expect(await findMissing(client, acknowledged)).toEqual([])
  for (let partition = 0; partition < 16; partition += 1) {
    const { rows } = await client.readFeed({ partition })
    const positions = rows.map((row) => Number(row.position))
    expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b))
  }
}, 30_000)

it('a commit that the disk fails is an unknown outcome, and the process ends', async () => {
  const { child, client } = await spawnService()
  await client.createGate({ bucketId: BUCKET })
  const exited = once(child, 'exit')
  const load = await putUntilFailure(client, {
    prefix: 'put',
    onAcknowledged: (count) => {
      // From here on the log cannot grow: writing it fails.
      if (count === 100) spawnSync(PRLIMIT, ['--pid', String(child.pid), '--fsize=65536'])
    },
  })
  expect(load.codes).toContain('unknown-outcome')
  expect(await exited).toEqual([EXIT_DATABASE_FAILED, null])
  const next = await spawnService()
  expect(load.acknowledged.length).toBeGreaterThanOrEqual(100)
  expect(await findMissing(next.client, load.acknowledged)).toEqual([])
}, 30_000)
