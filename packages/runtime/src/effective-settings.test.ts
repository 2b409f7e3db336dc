import { KuraError } from '@kura/core'
import fc from 'fast-check'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readSettings, resolveSettings, type GivenSettings } from './effective-settings.ts'
import {
  addressSetting,
  commonSettings,
  fileKey,
  flagName,
  integerSetting,
  variableName,
} from './settings.ts'

const shape = {
  ...commonSettings,
  blockAddress: addressSetting('127.0.0.1:0'),
  scrubPeriodMs: integerSetting({ default: 1000, min: 10, max: 100_000 }),
  scrubStepMs: integerSetting({ default: 5, min: 1, max: 100_000 }),
}
const settings = {
  service: 'storage-node',
  shape,
  relations: [
    {
      between: ['scrubStepMs', 'scrubPeriodMs'] as const,
      holds: (values: { readonly scrubStepMs: number; readonly scrubPeriodMs: number }) =>
        values.scrubStepMs < values.scrubPeriodMs,
      rule: 'a step is shorter than the period',
    },
  ],
}

function resolveText(text: string, given: GivenSettings = {}) {
  return resolveSettings(settings, { ...given, file: { path: 'node.toml', text } })
}

function refusal(work: () => unknown): KuraError {
  try {
    work()
  } catch (error) {
    if (error instanceof KuraError) return error
    throw error
  }
  throw new Error('the settings were accepted')
}

function sourceOf(given: GivenSettings, name: string) {
  const found = resolveSettings(settings, given).list.find((each) => each.name === name)
  return [found?.value, found?.origin, found?.source]
}

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kura-settings-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

test('nothing given yields the defaults', () => {
  expect(resolveSettings(settings, { env: { PATH: '/bin', KURA_FRONTEND_X: '1' } }).values).toEqual(
    {
      pocket: 'local',
      zone: 'a',
      dataDir: '.kura/data',
      coordinationDir: '.kura/coordination',
      rpcAddress: '127.0.0.1:0',
      adminAddress: '127.0.0.1:0',
      logLevel: 'info',
      stopWithStdin: false,
      blockAddress: '127.0.0.1:0',
      scrubPeriodMs: 1000,
      scrubStepMs: 5,
    },
  )
})

test('a flag wins over a variable, which wins over the file, which wins over the default', () => {
  const file = { path: 'node.toml', text: '\n# why\nscrub_period_ms = 50\n' }
  const env = { KURA_STORAGE_NODE_SCRUB_PERIOD_MS: '60' }
  const flags = { 'scrub-period-ms': '70' }
  const name = 'scrub_period_ms'
  expect(sourceOf({}, name)).toEqual([1000, 'default', 'default'])
  expect(sourceOf({ file }, name)).toEqual([50, 'file', 'node.toml:3'])
  expect(sourceOf({ file, env }, name)).toEqual([
    60,
    'environment',
    'KURA_STORAGE_NODE_SCRUB_PERIOD_MS',
  ])
  expect(sourceOf({ file, env, flags }, name)).toEqual([70, 'flag', '--scrub-period-ms'])
  expect(sourceOf({ file, flags }, name)).toEqual([70, 'flag', '--scrub-period-ms'])
})

test('the file is named by the flag, else by the variable', () => {
  const [one, two] = [join(folder, 'one.toml'), join(folder, 'two.toml')]
  writeFileSync(one, 'zone = "one"')
  writeFileSync(two, 'zone = "two"\r\n')
  const env = { KURA_STORAGE_NODE_CONFIG: one }
  expect(readSettings(settings, { env }).values.zone).toBe('one')
  const both = readSettings(settings, { env, flags: { config: two } })
  expect([both.values.zone, both.filePath]).toEqual(['two', two])
  expect(readSettings(settings, { env: {} }).filePath).toBeUndefined()
})

test('an unknown name is refused with the place where it stands', () => {
  const env = { KURA_STORAGE_NODE_SCRUB_PERIOD: '50' }
  const { code, message, hint } = refusal(() =>
    resolveText('zone = "b"\nscrubPeriodMs = 50\n', { env, flags: { scrub: '1' } }),
  )
  expect(code).toBe('setting-invalid')
  expect(message).toBe(
    'node.toml:2: there is no setting scrubPeriodMs; ' +
      'there is no setting KURA_STORAGE_NODE_SCRUB_PERIOD; there is no setting --scrub',
  )
  expect(hint).toBe('storage-node --help lists every setting')
})

test.each([
  ['scrub_period_ms = 9', 'node.toml:1: scrub_period_ms is 9, and takes 10 to 100000'],
  ['scrub_period_ms = 100001', '100001, and takes 10 to 100000'],
  ['scrub_period_ms = 50.5', '50.5, and takes 10 to 100000'],
  ['scrub_period_ms = "50"', '"50", and takes 10 to 100000'],
  ['scrub_period_ms = inf', 'Infinity, and takes'],
  ['stop_with_stdin = 1', '1, and takes true or false'],
  ['stop_with_stdin = "true"', '"true", and takes true or false'],
  ['zone = "Not A Name"', '"Not A Name", and takes 1 to 63 of a-z, 0-9 and dash'],
  ['zone = 1979-05-27', 'and takes 1 to 63'],
  ['data_dir = ""', '"", and takes 1 to 4096 characters'],
  ['data_dir = ["/d"]', 'and takes 1 to 4096 characters'],
  ['rpc_address = "localhost"', '"localhost", and takes host:port'],
  ['log_level = "loud"', '"loud", and takes fatal, error, warn'],
])('a file with %s is refused', (text, sentence) => {
  const error = refusal(() => resolveText(text))
  expect(error.code).toBe('setting-invalid')
  expect(error.message).toContain(sentence)
})

test.each(['1e3', '0x10', '', ' 50', '50 ', '99999999999999999999', 'NaN', '9'])(
  'the text "%s" is no number within the bounds, from a variable or a flag',
  (text) => {
    const env = { KURA_STORAGE_NODE_SCRUB_PERIOD_MS: text }
    const sentence = `is ${/^(9|9{20})$/.test(text) ? '' : JSON.stringify(text)}`
    expect(refusal(() => resolveSettings(settings, { env })).message).toContain(
      `KURA_STORAGE_NODE_SCRUB_PERIOD_MS ${sentence}`,
    )
    const flags = { 'scrub-period-ms': text }
    expect(refusal(() => resolveSettings(settings, { flags })).message).toContain(
      `--scrub-period-ms ${sentence}`,
    )
  },
)

test('a wrong value is refused also where something stronger wins', () => {
  const flags = { 'scrub-period-ms': '50' }
  expect(refusal(() => resolveText('scrub_period_ms = 9', { flags })).message).toContain(':1:')
})

test('many problems are counted, not all told', () => {
  const text = Array.from({ length: 12 }, (_, index) => `nothing${index} = 1`).join('\n')
  const { message } = refusal(() => resolveText(text))
  expect(message).toContain('nothing7; and 4 more')
  expect(message).not.toContain('nothing8')
})

test('a broken relation is told with the values, their sources and the rule', () => {
  const flags = { 'scrub-step-ms': '1000' }
  expect(refusal(() => resolveSettings(settings, { flags })).message).toBe(
    'scrub_period_ms is 1000 (default) and scrub_step_ms is 1000 (--scrub-step-ms); ' +
      'a step is shorter than the period',
  )
})

test('what a service keeps is not in the folder that all share', () => {
  const { message } = refusal(() => resolveText('data_dir = "/a/b"\ncoordination_dir = "/a/./b/"'))
  expect(message).toContain('the two must be different folders')
})

test.each([
  ['127.0.0.1:7000', '127.0.0.1:7000', true],
  ['0.0.0.0:7000', '127.0.0.1:7000', true],
  ['[::]:7000', '10.0.0.1:7000', true],
  ['127.0.0.1:7000', '127.0.0.2:7000', false],
  ['127.0.0.1:7000', '127.0.0.1:7001', false],
  ['127.0.0.1:0', '127.0.0.1:0', false],
])('listeners at %s and %s clash: %s', (block, admin, isRefused) => {
  const flags = { 'block-address': block, 'admin-address': admin }
  const work = () => resolveSettings(settings, { flags })
  if (isRefused) expect(refusal(work).message).toContain('two listeners need different ports')
  else expect(work().values.blockAddress).toBe(block)
})

/** Values that go together, whatever is chosen of them. */
const choices = fc.record(
  {
    pocket: fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,20}$/),
    dataDir: fc.string({ minLength: 1, maxLength: 40 }).map((name) => `/data/${name}`),
    rpcAddress: fc.integer({ min: 1, max: 30_000 }).map((port) => `127.0.0.1:${port}`),
    adminAddress: fc.integer({ min: 30_001, max: 65_535 }).map((port) => `[::1]:${port}`),
    logLevel: fc.constantFrom('fatal', 'trace', 'silent'),
    stopWithStdin: fc.boolean(),
    scrubPeriodMs: fc.integer({ min: 101, max: 100_000 }),
    scrubStepMs: fc.integer({ min: 1, max: 100 }),
  },
  { requiredKeys: [] },
)

test('any settings come out as they were given, by whichever way, with their source', () => {
  const property = fc.property(choices, choices, choices, (inFile, inEnv, inFlags) => {
    const text = Object.entries(inFile)
      .map(([key, value]) => `${fileKey(key)} = ${JSON.stringify(value)}`)
      .join('\n# between\n\n')
    const entries = (given: object, name: (key: string) => string) =>
      Object.fromEntries(Object.entries(given).map(([key, value]) => [name(key), String(value)]))
    const result = resolveText(text, {
      env: entries(inEnv, (key) => variableName('storage-node', key)),
      flags: entries(inFlags, (key) => flagName(key).slice(2)),
    })
    const merged: Record<string, unknown> = { ...inFile, ...inEnv, ...inFlags }
    expect(result.values).toEqual({ ...resolveSettings(settings, {}).values, ...merged })
    for (const key of Object.keys(shape)) {
      const lines = Object.keys(inFile).indexOf(key) * 3 + 1
      const expected =
        key in inFlags
          ? flagName(key)
          : key in inEnv
            ? variableName('storage-node', key)
            : key in inFile
              ? `node.toml:${lines}`
              : 'default'
      expect(result.list.find(({ name }) => name === fileKey(key))?.source).toBe(expected)
    }
  })
  fc.assert(property, { seed: 1, numRuns: 100 })
})
