import { expect, test } from 'vitest'
import { KuraError } from '@kura/core'
import { commonSettings, integerSetting, readSettings, z } from './settings.ts'

const schema = z.object({
  ...commonSettings,
  scrubPeriodMs: integerSetting({ default: 1000, min: 10, max: 100_000 }),
})

function read(env: Record<string, string>) {
  return readSettings({ env, service: 'storage-node', schema })
}

function refusal(env: Record<string, string>): KuraError {
  try {
    read(env)
  } catch (error) {
    if (error instanceof KuraError) return error
    throw error
  }
  throw new Error('the settings were accepted')
}

test('an empty environment yields the defaults', () => {
  expect(read({ PATH: '/bin', KURA_FRONTEND_RACK: 'r1' })).toEqual({
    pocket: 'local',
    zone: 'a',
    dataDir: '.kura/data',
    coordinationDir: '.kura/coordination',
    rpcAddress: '127.0.0.1:0',
    adminAddress: '127.0.0.1:0',
    logLevel: 'info',
    stopWithStdin: false,
    scrubPeriodMs: 1000,
  })
})

test('each variable sets the key of its name', () => {
  const settings = read({
    KURA_STORAGE_NODE_SCRUB_PERIOD_MS: '50',
    KURA_STORAGE_NODE_DATA_DIR: '/d',
    KURA_STORAGE_NODE_STOP_WITH_STDIN: '1',
  })
  expect(settings).toMatchObject({ scrubPeriodMs: 50, dataDir: '/d', stopWithStdin: true })
})

test('a variable that no setting has is refused by its name', () => {
  const error = refusal({ KURA_STORAGE_NODE_SCRUB_PERIOD: '50' })
  expect(error.code).toBe('setting-invalid')
  expect(error.message).toContain('KURA_STORAGE_NODE_SCRUB_PERIOD')
  expect(error.hint).toContain('KURA_STORAGE_NODE_SCRUB_PERIOD_MS')
})

test.each([
  ['KURA_STORAGE_NODE_SCRUB_PERIOD_MS', '9'],
  ['KURA_STORAGE_NODE_SCRUB_PERIOD_MS', '100001'],
  ['KURA_STORAGE_NODE_SCRUB_PERIOD_MS', '1e3'],
  ['KURA_STORAGE_NODE_SCRUB_PERIOD_MS', ''],
  ['KURA_STORAGE_NODE_POCKET', 'Not A Name'],
  ['KURA_STORAGE_NODE_RPC_ADDRESS', 'localhost'],
  ['KURA_STORAGE_NODE_LOG_LEVEL', 'loud'],
  ['KURA_STORAGE_NODE_STOP_WITH_STDIN', 'perhaps'],
])('%s=%s is refused by its name', (variable, value) => {
  const error = refusal({ [variable]: value })
  expect(error.code).toBe('setting-invalid')
  expect(error.message).toContain(variable)
})
