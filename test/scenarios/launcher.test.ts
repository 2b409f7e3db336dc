/**
 * Goal: a person can trust `npm start` with data. Method: the launcher as a process of its own,
 * stopped, killed and started again; what is left behind is looked for in the process table.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, readdir, readFile, readlink, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '../..')
const LAUNCHER = join(root, 'deploy/local/dist/main.js')
const SET_UP = join(root, 'deploy/setup/run.mjs')

let folder: string
let launchers: Launcher[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kura-launcher-'))
  launchers = []
})

afterEach(async () => {
  for (const launcher of launchers) await launcher.end('SIGTERM')
  await rm(folder, { recursive: true })
})

/** A launcher and what it printed. */
class Launcher {
  readonly process: ChildProcess
  printed = ''

  constructor(program: string, args: readonly string[]) {
    const environment = { ...process.env }
    delete environment['INIT_CWD']
    this.process = spawn(process.execPath, [program, ...args], { env: environment })
    const take = (piece: Buffer): void => void (this.printed += piece.toString('utf8'))
    this.process.stdout?.on('data', take)
    this.process.stderr?.on('data', take)
    launchers.push(this)
  }

  get hasEnded(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null
  }

  async says(text: string): Promise<void> {
    while (!this.printed.includes(text)) {
      if (this.hasEnded) throw new Error(`ended without "${text}":\n${this.printed}`)
      await sleep(20)
    }
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (!this.hasEnded) this.process.kill(signal)
    while (!this.hasEnded) await sleep(20)
    return this.process.exitCode
  }
}

function startZone(...args: readonly string[]): Launcher {
  return new Launcher(LAUNCHER, ['--data', folder, '--bucket-size', '16MiB', ...args])
}

async function httpAddress(): Promise<string> {
  const endpoints: { readonly http: string } = JSON.parse(
    await readFile(join(folder, 'endpoints.json'), 'utf8'),
  )
  return endpoints.http
}

/** Processes whose settings file is in this test's folder: services, wherever they hang. */
async function servicesAlive(): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const alive: number[] = []
  for (const pid of pids) {
    const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    const isService = commandLine.includes(`--config\0${folder}/config/`)
    // A process that has ended and waits for its parent has no program.
    const program = await readlink(`/proc/${pid}/exe`).catch(() => '')
    if (isService && program !== '') alive.push(Number(pid))
  }
  return alive
}

/** Some service. Process 0 would be everybody here. */
async function killOne(): Promise<void> {
  const [pid = 0] = await servicesAlive()
  expect(pid).toBeGreaterThan(0)
  process.kill(pid, 'SIGKILL')
}

async function put(text: string): Promise<string> {
  const body = Buffer.from(text)
  const answer = await fetch(`http://${await httpAddress()}/v1/blocks`, { method: 'POST', body })
  expect(answer.status).toBe(201)
  const receipt: unknown = await answer.json()
  return receipt !== null && typeof receipt === 'object' && 'hash' in receipt
    ? String(receipt.hash)
    : ''
}

async function get(hash: string): Promise<string> {
  const answer = await fetch(`http://${await httpAddress()}/v1/blocks/${hash}`)
  expect(answer.status).toBe(200)
  return await answer.text()
}

test('Ctrl-C stops every process within 10 s, and the next start serves the data', async () => {
  const first = startZone('--port-base', '0')
  await first.says('ready:')
  const hash = await put('kept over a stop')
  expect(await servicesAlive()).toHaveLength(10)
  const stoppedAtMs = performance.now()
  expect(await first.end('SIGINT')).toBe(0)
  expect(performance.now() - stoppedAtMs).toBeLessThan(10_000)
  expect(await servicesAlive()).toEqual([])
  const second = startZone('--port-base', '0')
  await second.says('ready:')
  expect(await get(hash)).toBe('kept over a stop')
  expect(second.printed).not.toContain('making a new zone')
})

test('a second launcher on the same data is refused and told who has it', async () => {
  const first = startZone('--port-base', '0')
  await first.says('ready:')
  for (const second of [
    startZone('--port-base', '0'),
    new Launcher(SET_UP, ['start', '--data', folder]),
  ]) {
    while (!second.hasEnded) await sleep(20)
    expect(second.process.exitCode).toBe(1)
    expect(second.printed).toContain(`in use by`)
    expect(second.printed).toContain(`process ${first.process.pid}`)
  }
})

test('no service outlives a launcher that was killed', async () => {
  const launcher = startZone('--port-base', '0')
  await launcher.says('ready:')
  await launcher.end('SIGKILL')
  await expect.poll(servicesAlive, { timeout: 10_000 }).toEqual([])
})

test('a dead service is started again, or stays dead where that is wanted', async () => {
  const launcher = startZone('--port-base', '0', '--no-restart')
  await launcher.says('ready:')
  await killOne()
  await launcher.says('died (SIGKILL) and stays dead')
  await sleep(1_500)
  expect(await servicesAlive()).toHaveLength(9)
  await launcher.end('SIGINT')

  const restarting = startZone('--port-base', '0')
  await restarting.says('ready:')
  await killOne()
  await restarting.says('died (SIGKILL); starting it again in 1 s')
  await expect.poll(servicesAlive, { timeout: 10_000 }).toHaveLength(10)
})

test('a taken port is named in one line, before anything is made', async () => {
  const server = createServer()
  const base = await new Promise<number>((done) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      done(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })
  const launcher = new Launcher(SET_UP, ['start', '--data', folder, '--port-base', `${base}`])
  while (!launcher.hasEnded) await sleep(20)
  server.close()
  expect(launcher.process.exitCode).toBe(1)
  expect(launcher.printed.trimEnd().split('\n')).toHaveLength(1)
  expect(launcher.printed).toContain(`port ${base} (HTTP) is taken`)
  await expect(stat(join(folder, 'ZONE'))).rejects.toThrow('ENOENT')
})

test('a zone keeps its shape, and a folder of other things stays untouched', async () => {
  const first = startZone('--port-base', '0', '--nodes', '3')
  await first.says('ready:')
  await first.end('SIGINT')
  const other = startZone('--port-base', '0', '--nodes', '4')
  while (!other.hasEnded) await sleep(20)
  expect(other.printed).toContain('1 cells of 3 storage nodes')
  const before = await readdir(join(root, 'packages/core'))
  const foreign = new Launcher(LAUNCHER, ['--data', join(root, 'packages/core')])
  while (!foreign.hasEnded) await sleep(20)
  expect(foreign.printed).toContain('is not a zone')
  expect(await readdir(join(root, 'packages/core'))).toEqual(before)
})
