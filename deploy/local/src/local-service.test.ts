import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { chooseFreePorts } from './free-ports.ts'
import { LocalService } from './local-service.ts'

/** Answers `/readyz`, logs a warning, ends as it is told. */
const PROGRAM = `
import { createServer } from 'node:http'
const [host, port] = process.env.ADDRESS.split(':')
createServer((request, response) => response.end('ready')).listen(Number(port), host)
console.log(JSON.stringify({ level: 'info', msg: 'a quiet line' }))
console.log(JSON.stringify({ level: 'warn', msg: 'the disk is nearly full', osdId: 3 }))
process.on('SIGTERM', () => { if (process.env.DEAF !== '1') process.exit(0) })
if (process.env.ORPHAN === '1') process.stdin.resume().on('end', () => process.exit(0))
`

let folder: string
let lines: string[]
let running: LocalService[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kura-service-'))
  await writeFile(join(folder, 'program.mjs'), PROGRAM)
  lines = []
  running = []
})

afterEach(async () => {
  for (const service of running) {
    service.beginStop()
    await service.kill('SIGKILL')
    service.close()
  }
  await rm(folder, { recursive: true })
})

async function startService(options: {
  readonly restarts?: boolean
  readonly environment?: Readonly<Record<string, string>>
}): Promise<LocalService> {
  const [port] = await chooseFreePorts(1)
  const adminAddress = `127.0.0.1:${port}`
  const service = new LocalService({
    name: 'storage-node-1-3',
    kind: 'storage-node',
    program: join(folder, 'program.mjs'),
    dataDir: folder,
    adminAddress,
    settingsPath: join(folder, 'storage-node-1-3.toml'),
    environment: { ...process.env, ADDRESS: adminAddress, ...options.environment },
    logPath: join(folder, 'storage-node-1-3.log'),
    restarts: options.restarts ?? false,
    tell: (line) => lines.push(line),
    warn: (line) => lines.push(line),
  })
  running.push(service)
  service.start()
  await service.waitReady()
  return service
}

test('a dead service is started again after a second, and somebody is told', async () => {
  const service = await startService({ restarts: true })
  const before = service.pid
  const diedAtMs = performance.now()
  await service.kill('SIGKILL')
  expect(service.isRunning).toBe(false)
  await service.waitReady()
  expect(performance.now() - diedAtMs).toBeGreaterThanOrEqual(990)
  expect(service.pid).not.toBe(before)
  expect(lines).toContain('storage-node-1-3 died (SIGKILL); starting it again in 1 s')
})

test('the second death in a row costs two seconds', async () => {
  const service = await startService({ restarts: true })
  await service.kill('SIGKILL')
  while (!service.isRunning) await sleep(10)
  await service.kill('SIGKILL')
  expect(lines.at(-1)).toBe('storage-node-1-3 died (SIGKILL); starting it again in 2 s')
})

test('without restarts a dead service stays dead and is not waited for', async () => {
  const service = await startService({})
  await service.kill('SIGKILL')
  await expect(service.waitReady()).rejects.toMatchObject({ code: 'unavailable' })
  expect(lines).toContain('storage-node-1-3 died (SIGKILL) and stays dead')
})

test('a restart keeps the address and takes new variables', async () => {
  const service = await startService({})
  const before = service.pid
  await service.restart({ environment: { DEAF: '1' } })
  await service.waitReady()
  expect(service.pid).not.toBe(before)
  service.beginStop()
  expect(await service.waitExit(300)).toBe(false)
})

test('a service that is asked to stop ends, and nobody calls it a death', async () => {
  const service = await startService({ restarts: true })
  lines.length = 0
  service.beginStop()
  expect(await service.waitExit(5_000)).toBe(true)
  await sleep(50)
  expect(lines).toEqual([])
})

test('the end of its standard input tells a service that its launcher is gone', async () => {
  const service = await startService({ environment: { ORPHAN: '1', DEAF: '1' } })
  service.beginStop()
  expect(await service.waitExit(5_000)).toBe(true)
})

test('everything is in the log file and only warnings are handed on', async () => {
  await startService({})
  await expect
    .poll(() => lines)
    .toEqual(['storage-node-1-3: warn: the disk is nearly full (osdId 3)'])
  expect(await readFile(join(folder, 'storage-node-1-3.log'), 'utf8')).toContain('a quiet line')
})
