// Real processes: the exit codes and the two streams are the contract with launchers and operators.
import { spawn } from 'node:child_process'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'

const PROGRAM = `
import { readFile } from 'node:fs/promises'
import { KuraError, assert } from '${import.meta.resolve('../../core/src/index.ts')}'
import { commonSettings, createLogger, runProgram } from '${import.meta.resolve('./index.ts')}'

class Sleeper {
  #timer
  async start() {
    this.#timer = setInterval(() => undefined, 1000)
    process.stdout.write('started\\n')
  }
  async [Symbol.asyncDispose]() {
    clearInterval(this.#timer)
    process.stdout.write('disposed\\n')
  }
}

await runProgram({
  settings: { service: 'test-program', shape: commonSettings, relations: [] },
  stopTimeoutMs: 300,
  commands: {
    serve: async () => new Sleeper(),
    init: async () => undefined,
    rebuild: async ({ args, settings }) => {
      process.stdout.write([settings.zone, ...args].join() + '\\n')
    },
    refuse: async () => {
      throw new KuraError('locked', 'the disk is locked', { hint: 'stop it' })
    },
    misplaced: async () => { await readFile('/there/is/no/such/file') },
    bug: async () => { assert(false, 'one is not two') },
    late: async () => ({
      start: async () => { setTimeout(() => { throw new Error('nobody handled this') }, 10) },
      [Symbol.asyncDispose]: async () => undefined,
    }),
    talk: async () => {
      const logger = createLogger({ service: 'test-program', id: '1', level: 'info' })
      let timer
      return {
        start: async () => { timer = setInterval(() => logger.info('tick'), 10) },
        [Symbol.asyncDispose]: async () => clearInterval(timer),
      }
    },
    hang: async () => ({
      start: async () => { setInterval(() => undefined, 1000); process.stdout.write('started\\n') },
      [Symbol.asyncDispose]: async () => await new Promise(() => undefined),
    }),
    block: async () => ({
      start: async () => { setInterval(() => undefined, 1000); process.stdout.write('started\\n') },
      [Symbol.asyncDispose]: async () => { for (;;); },
    }),
  },
})
`

const RUN_MS_MAX = 20_000

let file = ''

beforeAll(async () => {
  file = join(await mkdtemp(join(tmpdir(), 'kura-program-')), 'program.ts')
  await writeFile(file, PROGRAM)
})

interface Outcome {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

async function run(options: {
  readonly args: readonly string[]
  readonly env?: Record<string, string>
  readonly onStarted?: (child: ReturnType<typeof spawn>) => void
}): Promise<Outcome> {
  const child = spawn(process.execPath, ['--conditions=source', file, ...options.args], {
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
    // One that this has to end would burn a core for ever; nothing else sends SIGABRT.
    timeout: RUN_MS_MAX,
    killSignal: 'SIGABRT',
  })
  let stdout = ''
  let stderr = ''
  child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
  child.stdout.on('data', (bytes: Buffer) => {
    if (!stdout.includes('started\n') && bytes.includes('started\n')) options.onStarted?.(child)
    stdout += bytes.toString()
  })
  const { promise, resolve } = Promise.withResolvers<Pick<Outcome, 'code' | 'signal'>>()
  child.on('close', (code, signal) => resolve({ code, signal }))
  return { ...(await promise), stdout, stderr }
}

test('a stop signal disposes the service and the exit code is 0', async () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const { code, stdout } = await run({ args: [], onStarted: (child) => child.kill(signal) })
    expect(stdout).toContain('disposed')
    expect(stdout).toContain(`"reason":"${signal}"`)
    expect(code).toBe(0)
  }
})

test('the end of stdin stops the service where the setting says so', async () => {
  const outcome = await run({
    args: ['serve'],
    env: { KURA_TEST_PROGRAM_STOP_WITH_STDIN: '1' },
    onStarted: (child) => child.stdin?.end(),
  })
  expect(outcome).toMatchObject({ code: 0 })
  expect(outcome.stdout).toContain('"reason":"stdin ended"')
})

test('a service whose launcher died, with the pipes it held, ends by itself', async () => {
  const child = spawn(process.execPath, ['--conditions=source', file, 'talk'], {
    env: { ...process.env, KURA_TEST_PROGRAM_STOP_WITH_STDIN: '1' },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const { promise, resolve } = Promise.withResolvers<number | null>()
  child.on('exit', resolve)
  child.stdout.once('data', () => {
    child.stdout.destroy()
    setTimeout(() => child.stdin.end(), 100)
  })
  expect(await promise).toBe(0)
})

test('other commands get what follows their words, and end by themselves', async () => {
  const outcome = await run({ args: ['rebuild', '--zone', 'b', 'FROM', '--apply', '--to=x'] })
  expect(outcome).toMatchObject({ code: 0, stdout: 'b,FROM,--apply,--to=x\n' })
})

test('config check says that the settings are valid, or what is wrong, and where', async () => {
  const good = await run({ args: ['config', 'check', '--zone', 'b'] })
  expect(good).toMatchObject({
    code: 0,
    stdout: 'test-program: the settings are valid: 1 given, 7 by default\n',
  })
  const path = join(dirname(file), 'broken.toml')
  await writeFile(path, '# a comment\nzone = 7\npokcet = "p"\n')
  const bad = await run({
    args: ['config', 'check', '--config', path],
    env: { KURA_TEST_PROGRAM_LOG_LEVEL: 'loud' },
  })
  expect(bad).toMatchObject({ code: 1, stdout: '' })
  expect(bad.stderr).toContain(`${path}:2: zone is 7, and takes 1 to 63 of a-z`)
  expect(bad.stderr).toContain(`${path}:3: there is no setting pokcet`)
  expect(bad.stderr).toContain('KURA_TEST_PROGRAM_LOG_LEVEL is "loud", and takes fatal, error')
  expect(bad.stderr.trimEnd().split('\n').length).toBe(1)
})

test('config show has a row for each setting, with its source', async () => {
  const env = { KURA_TEST_PROGRAM_ZONE: 'b' }
  const { code, stdout } = await run({ args: ['config', 'show', '--data-dir=/d'], env })
  expect(code).toBe(0)
  expect(stdout).toMatch(/^setting +value +source\n/)
  expect(stdout).toMatch(/^pocket +local +default$/m)
  expect(stdout).toMatch(/^zone +b +KURA_TEST_PROGRAM_ZONE$/m)
  expect(stdout).toMatch(/^data_dir +\/d +--data-dir$/m)
  const { settings } = JSON.parse((await run({ args: ['config', 'show', '--json'], env })).stdout)
  expect(settings[1]).toEqual({
    name: 'zone',
    value: 'b',
    origin: 'environment',
    source: 'KURA_TEST_PROGRAM_ZONE',
    defaultValue: 'a',
    bounds: '1 to 63 of a-z, 0-9 and dash',
  })
})

test('help lists every setting by its flag', async () => {
  const { code, stdout } = await run({ args: ['--help'] })
  expect(code).toBe(0)
  expect(stdout).toMatch(/^ +--stop-with-stdin +false +true or false$/m)
  expect(stdout).toContain('KURA_TEST_PROGRAM_CONFIG')
})

test('words and flags that serve does not know are refused', async () => {
  const extra = await run({ args: ['serve', '/data'] })
  expect(extra).toMatchObject({ code: 1, stdout: '' })
  expect(extra.stderr).toContain('serve takes no "/data" (setting-invalid)')
  const flag = await run({ args: ['--scrub=1', 'serve'] })
  expect(flag).toMatchObject({ code: 1, stdout: '' })
  expect(flag.stderr).toContain('there is no flag --scrub=1 (setting-invalid)')
})

test('the settings in force and their sources are logged once', async () => {
  const outcome = await run({
    args: ['serve', '--zone', 'b'],
    onStarted: (child) => child.kill('SIGTERM'),
  })
  const lines = outcome.stdout.split('\n').filter((line) => line.includes('settings in force'))
  expect(lines.length).toBe(1)
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    settings: { zone: 'b', pocket: 'local', stop_with_stdin: false },
    sources: { zone: '--zone' },
  })
})

test('an operating error at the start is one line and exit code 1', async () => {
  expect(await run({ args: ['refuse'] })).toEqual({
    code: 1,
    signal: null,
    stdout: '',
    stderr: 'kura test-program: the disk is locked (locked) — stop it\n',
  })
})

test('a path that is not there is an operating error, too', async () => {
  const { code, stderr } = await run({ args: ['misplaced'] })
  expect(code).toBe(1)
  expect(stderr).toMatch(/^kura test-program: ENOENT.* \(setting-invalid\) — check the paths/)
})

test('an unknown command is refused with the list of commands', async () => {
  const { code, stderr } = await run({ args: ['sreve'] })
  expect(code).toBe(64)
  expect(stderr).toContain('commands: serve, init, ')
  expect(stderr).toContain('config check, config show')
})

test('a failed assertion and an unhandled error end the process with 70', async () => {
  const bug = await run({ args: ['bug'] })
  expect(bug.code).toBe(70)
  expect(bug.stdout).toContain('one is not two')
  const late = await run({ args: ['late'] })
  expect(late.code).toBe(70)
  expect(late.stdout).toContain('nobody handled this')
})

test('a stop that hangs ends at the deadline, names what hangs, and exits with 1', async () => {
  const outcome = await run({ args: ['hang'], onStarted: (child) => child.kill('SIGTERM') })
  expect(outcome.code).toBe(1)
  expect(outcome.stdout).toContain('"hanging":')
})

test('a stop that blocks the event loop for ever is killed soon after the deadline', async () => {
  const outcome = await run({ args: ['block'], onStarted: (child) => child.kill('SIGTERM') })
  expect(outcome).toMatchObject({ code: null, signal: 'SIGKILL' })
})
