// Real processes: the exit codes and the two streams are the contract with launchers and operators.
import { spawn } from 'node:child_process'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'

const PROGRAM = `
import { readFile } from 'node:fs/promises'
import { KuraError, assert } from '${import.meta.resolve('../../core/src/index.ts')}'
import { createLogger, runProgram } from '${import.meta.resolve('./index.ts')}'

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
  service: 'test-program',
  stopTimeoutMs: 300,
  commands: {
    serve: async () => new Sleeper(),
    init: async ({ args }) => { process.stdout.write('init ' + args.join(',') + '\\n') },
    'config check': async () => { process.stdout.write('checked\\n') },
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
  },
})
`

let file = ''

beforeAll(async () => {
  file = join(await mkdtemp(join(tmpdir(), 'kura-program-')), 'program.ts')
  await writeFile(file, PROGRAM)
})

interface Outcome {
  readonly code: number | null
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
  })
  let stdout = ''
  let stderr = ''
  child.stderr.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
  child.stdout.on('data', (bytes: Buffer) => {
    if (!stdout.includes('started\n') && bytes.includes('started\n')) options.onStarted?.(child)
    stdout += bytes.toString()
  })
  const { promise, resolve } = Promise.withResolvers<number | null>()
  child.on('close', resolve)
  return { code: await promise, stdout, stderr }
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
  expect(await run({ args: ['init', 'a', 'b'] })).toMatchObject({ code: 0, stdout: 'init a,b\n' })
  expect(await run({ args: ['config', 'check'] })).toMatchObject({ code: 0, stdout: 'checked\n' })
})

test('an operating error at the start is one line and exit code 1', async () => {
  expect(await run({ args: ['refuse'] })).toEqual({
    code: 1,
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
  expect(stderr).toContain('serve, init, config check')
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
