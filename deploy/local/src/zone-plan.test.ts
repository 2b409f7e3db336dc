import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { repositoryRoot } from './repository.ts'
import { defaultBucketSizeBytes, planServices, preallocation } from './zone-plan.ts'
import { PROCESS_ENVIRONMENT } from './zone-settings.ts'

const GIB = 1024 ** 3
const MIB = 1024 ** 2

test('a zone of any number of cells preallocates at most 8 GiB by default', () => {
  expect(defaultBucketSizeBytes(1)).toBe(256 * MIB)
  for (let cells = 1; cells <= 8; cells += 1) {
    const { usualBytes, mostBytes } = preallocation(cells, defaultBucketSizeBytes(cells))
    expect(mostBytes).toBeLessThanOrEqual(8 * GIB)
    expect(usualBytes).toBeLessThan(mostBytes)
  }
})

test('every storage node of a cell is its own rack, and every cell has a manager', () => {
  const plans = planServices({ cells: 2, nodes: 3, bucketSizeBytes: 16 * MIB })
  const nodes = plans.filter((plan) => plan.kind === 'storage-node')
  expect(nodes.map((plan) => plan.name)).toContain('storage-node-2-3')
  const racksOfCell = nodes
    .filter((plan) => plan.settings['cell_id'] === 2)
    .map((plan) => plan.settings['rack'])
  expect(new Set(racksOfCell).size).toBe(3)
  expect(plans.filter((plan) => plan.kind === 'volume-manager')).toHaveLength(2)
  expect(new Set(plans.map((plan) => plan.folder)).size).toBe(plans.length)
})

test('what processes need beside their settings is the same here and in deploy/config', () => {
  const text = readFileSync(join(repositoryRoot, 'deploy/config/process.env'), 'utf8')
  const documented = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const planned = Object.entries(PROCESS_ENVIRONMENT).map(([name, value]) => `${name}=${value}`)
  expect(documented).toEqual(planned)
})
