import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { hasSettingsOf, readSettings } from './config.ts'
import { exitCodeOf } from './exit-code.ts'
import { runCommandLine } from './program.ts'
import { KuraError } from '@kura/core'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kura-cli-'))
})

afterEach(() => {
  rmSync(root, { recursive: true })
})

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const [output, errors] = [new PassThrough(), new PassThrough()]
  const terminal = { input: new PassThrough(), output, errors, isWatched: false, columns: 80 }
  const signal = new AbortController().signal
  const code = await runCommandLine(args, { terminal, signal })
  const text = (stream: PassThrough): string => String(stream.read() ?? '')
  return { code, out: text(output), err: text(errors) }
}

const COMMANDS = [
  ['put'],
  ['get'],
  ['stat'],
  ['locate'],
  ['explain'],
  ['status'],
  ['top'],
  ['prove'],
  ['disk', 'lost'],
  ['disk', 'verify'],
  ['extent', 'dump'],
  ['extent', 'verify'],
  ['config', 'check'],
  ['config', 'show'],
  ['rebuild'],
  ['backup'],
  ['restore'],
]

it('every command has help with examples', async () => {
  for (const command of COMMANDS) {
    const { code, out } = await run(...command, '--help')
    expect(code).toBe(0)
    expect(out).toContain(`Examples:\n  kura ${command.join(' ')}`)
  }
  const { out } = await run('--help')
  expect(out).toContain('Exit codes:')
})

it('wrong usage ends with 2 and says why in one line', async () => {
  expect(await run('frobnicate')).toEqual({
    code: 2,
    out: '',
    err: "kura: unknown command 'frobnicate' (invalid-argument) — see kura --help\n",
  })
  expect(await run('get', 'kura:tree:zz', '-o', 'x')).toMatchObject({ code: 2, out: '' })
  expect(await run('get', 'ab'.repeat(32))).toMatchObject({ code: 2, out: '' })
  const bad = await run('stat', 'nonsense', '--server', '127.0.0.1:1')
  expect(bad.code).toBe(2)
  expect(bad.err).toMatch(/^kura: not a reference \(invalid-hash\) — [^\n]+\n$/)
})

it.each([
  [['volume-manger'], 'is no service and no file named after one'],
  [['settings.toml'], 'SERVICE --config FILE'],
  [['frontend', 'zone-master', '--config', 'f.toml'], 'belongs to exactly one service'],
  [['frontend', '--set', 'zone'], '--set takes name=value'],
])('config check %j is wrong usage', async (args, sentence) => {
  const { code, out, err } = await run('config', 'check', ...args)
  expect({ code, out }).toEqual({ code: 2, out: '' })
  expect(err).toContain(sentence)
})

it.each([
  [[], '--for'],
  [['--for', '10'], 'a time above 0'],
  [['--for', '0s'], 'a time above 0'],
  [['--for', '1m', '--size-max', '5MiB'], 'from 32 bytes to 4MiB'],
  [['--for', '1m', '--rate', '100000'], 'at most 10000'],
])('prove %j is wrong usage', async (args, sentence) => {
  const { code, out, err } = await run('prove', ...args)
  expect({ code, out }).toEqual({ code: 2, out: '' })
  expect(err).toContain(sentence)
})

it('a tree does not go to standard output', async () => {
  const { code, err } = await run('get', `kura:tree:${'ab'.repeat(32)}`, '-o', '-')
  expect(code).toBe(2)
  expect(err).toContain('(invalid-argument)')
})

it('a zone that does not answer ends with 4 within the time given', async () => {
  const hash = 'ab'.repeat(32)
  const { code, err } = await run('stat', hash, '--server', '127.0.0.1:1', '--timeout', '0.3')
  expect(code).toBe(4)
  expect(err).toContain('(unavailable)')
})

it('a file that is not there is named', async () => {
  const { code, err } = await run('put', join(root, 'absent'), '--server', '127.0.0.1:1')
  expect(code).toBe(1)
  expect(err).toContain('ENOENT (file-error)')
})

it('options win over the environment, which wins over the endpoints file', () => {
  mkdirSync(join(root, '.kura'))
  const file = join(root, 'endpoints.json')
  const endpoints = { pocket: 'p', zone: 'z', block: 'h:1', zoneMaster: 'h:2', http: 'h:3' }
  writeFileSync(file, JSON.stringify(endpoints))
  expect(readSettings({ endpoints: file }, {})).toEqual({
    servers: ['h:1'],
    master: 'h:2',
    pocket: 'p',
    zone: 'z',
  })
  const env = { KURA_SERVER: 'a:1, b:2', KURA_MASTER: 'c:3', KURA_POCKET: 'q' }
  expect(readSettings({ endpoints: file }, env)).toMatchObject({
    servers: ['a:1', 'b:2'],
    master: 'c:3',
    pocket: 'q',
    zone: 'z',
  })
  const options = { endpoints: file, server: ['x:9'], zone: 'y' }
  expect(readSettings(options, env)).toMatchObject({ servers: ['x:9'], zone: 'y' })
})

it('an endpoints file that is none is refused', () => {
  writeFileSync(join(root, 'e.json'), '{"pocket": 1}')
  expect(() => readSettings({ endpoints: join(root, 'e.json') }, {})).toThrow('does not name')
  expect(() => readSettings({ endpoints: join(root, 'none.json') }, {})).toThrow('there is no')
})

it('exit codes tell apart what a script must tell apart', () => {
  expect(exitCodeOf(new KuraError('not-found', ''))).toBe(3)
  expect(exitCodeOf(new KuraError('no-open-volume', ''))).toBe(4)
  expect(exitCodeOf(new KuraError('hash-mismatch', ''))).toBe(1)
  expect(exitCodeOf(new KuraError('cancelled', ''))).toBe(130)
  expect(exitCodeOf(new Error('bug'))).toBe(1)
})

it('only a store of the verb is rebuilt, backed up or restored', async () => {
  for (const args of [
    ['rebuild', 'zone-registry'],
    ['backup', 'extents', join(root, 'new')],
    ['restore', 'frontend', root],
  ]) {
    const { code, err } = await run(...args)
    expect(code).toBe(2)
    expect(err).toContain('stores are block-index, replication-table')
  }
})

it('a zone with several owners of a store asks which one is meant', async () => {
  mkdirSync(join(root, 'config'))
  for (const cell of [1, 2]) {
    writeFileSync(join(root, 'config', `volume-manager-${cell}-1.toml`), '')
  }
  const endpoints = join(root, 'endpoints.json')
  writeFileSync(
    endpoints,
    JSON.stringify({ pocket: 'p', zone: 'z', block: 'h:1', zoneMaster: 'h:2' }),
  )
  const { code, err } = await run('rebuild', 'replication-table', '--endpoints', endpoints)
  expect(code).toBe(2)
  expect(err).toContain('the zone here has 2 of volume-manager')
  expect(err).toContain(`--config ${join(root, 'config', 'volume-manager-2-1.toml')}`)
})

it('a store is not looked for where nothing says that it is', async () => {
  const before = process.cwd()
  process.chdir(root)
  try {
    const { code, err } = await run('rebuild', 'block-index', '--apply')
    expect(code).toBe(2)
    expect(err).toContain('nothing says where the store of block-index is (setting-invalid)')
  } finally {
    process.chdir(before)
  }
})

it('variables of a service say that no zone near by is meant', () => {
  expect(hasSettingsOf('block-index', { KURA_BLOCK_INDEX_DATA_DIR: '/srv/index' })).toBe(true)
  expect(hasSettingsOf('block-index', { KURA_ZONE: 'a', KURA_FRONTEND_ZONE: 'a' })).toBe(false)
})
