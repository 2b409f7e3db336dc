/**
 * Runs any test with the variant that KURA_SABOTAGE names, or with the product as it is. In the
 * test's own process a plugin changes the source; processes that it starts are told to by
 * NODE_OPTIONS.
 */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { defineConfig, type Plugin } from 'vitest/config'
import type { CapabilityReport } from '../support/faults/capabilities.ts'
import { repositoryRoot, sabotagedSources, VARIANT_VARIABLE } from './variant.ts'
import { variantNamed } from './variants.ts'

const SECOND = 1000
const TEST_TIMEOUT_MS = 120 * SECOND

const ALL_CAPABILITIES: CapabilityReport = {
  ext4: undefined,
  xfs: undefined,
  'fault-disk': undefined,
  'lost-sync': undefined,
  'memory-limit': undefined,
}

const name = process.env[VARIANT_VARIABLE]

function sabotage(variantName: string): Plugin {
  const sources = new Map(
    [...sabotagedSources(variantNamed(variantName))].map(([file, source]) => [
      join(repositoryRoot, file),
      source,
    ]),
  )
  return {
    name: 'kura-sabotage',
    enforce: 'pre',
    load: (id) => sources.get(id),
  }
}

const hook = pathToFileURL(join(import.meta.dirname, 'sabotage-on-load.ts')).href

export default defineConfig({
  root: repositoryRoot,
  plugins: name === undefined ? [] : [sabotage(name)],
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'], externalConditions: ['source'] } },
  test: {
    include: ['{packages,services}/*/src/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: TEST_TIMEOUT_MS,
    hookTimeout: TEST_TIMEOUT_MS,
    expect: { poll: { timeout: 10 * SECOND } },
    maxWorkers: 2,
    // Whoever runs tests that need something of the machine has found out that it is there.
    provide: { capabilities: ALL_CAPABILITIES },
    // Kept by the text of the file, which a sabotage leaves as it is.
    fsModuleCache: false,
    env: {
      KURA_VERIFY: 'all',
      ...(name === undefined ? {} : { NODE_OPTIONS: `--import=${hook}` }),
    },
  },
})
