import { defineConfig } from 'vitest/config'

const SECOND = 1000
const MINUTE = 60 * SECOND

/** Tests run from source: the condition `source` in each package's exports, no build needed. */
const source = {
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'], externalConditions: ['source'] } },
}

interface Suite {
  readonly name: string
  readonly include: readonly string[]
  readonly timeoutMs: number
  /** Suites that start real zones run one file at a time: they share two cores. */
  readonly isSerial?: boolean
  readonly env?: Readonly<Record<string, string>>
  /** Suites whose tests hurt the machine first find out what it can do. */
  readonly causesFaults?: boolean
}

/** The fuzzers run in both: some in `unit`, the rest, from another seed, in `long`. */
const FUZZERS = '{packages,services}/*/src/**/*.fuzz.test.ts'
const LONG_FUZZING = { KURA_FUZZ_EXECUTIONS: '180000', KURA_FUZZ_SEED: '2' }

function project(suite: Suite) {
  return {
    ...source,
    test: {
      name: suite.name,
      include: [...suite.include],
      testTimeout: suite.timeoutMs,
      hookTimeout: suite.timeoutMs,
      // The default of 1 s is for idle machines; a poll that succeeds ends at once anyway.
      expect: { poll: { timeout: 10 * SECOND } },
      fileParallelism: suite.isSerial !== true,
      env: { KURA_VERIFY: 'all', ...suite.env },
      globalSetup: suite.causesFaults === true ? ['test/support/faults/probe-setup.ts'] : [],
    },
  }
}

export default defineConfig({
  test: {
    // More than there are cores: many tests wait for real time. By default one would be left idle.
    maxWorkers: 3,
    projects: [
      project({
        name: 'unit',
        include: [
          '{packages,services}/*/src/**/*.test.ts',
          'deploy/*/src/**/*.test.ts',
          'bench/src/**/*.test.ts',
          'test/fuzz/*.test.ts',
          'test/simulation/*/**/*.test.ts',
        ],
        timeoutMs: MINUTE,
      }),
      project({ name: 'tidy', include: ['test/tidy/*.test.ts'], timeoutMs: MINUTE }),
      project({
        name: 'readme',
        include: ['test/readme/*.test.ts'],
        timeoutMs: 3 * MINUTE,
        isSerial: true,
      }),
      project({
        name: 'scenarios',
        include: ['test/scenarios/**/*.test.ts'],
        timeoutMs: 3 * MINUTE,
        isSerial: true,
      }),
      project({
        name: 'crash',
        include: ['test/crash/**/*.test.ts'],
        timeoutMs: 5 * MINUTE,
        isSerial: true,
      }),
      project({
        name: 'faults',
        include: ['test/faults/**/*.test.ts'],
        timeoutMs: 3 * MINUTE,
        isSerial: true,
        causesFaults: true,
      }),
      // Whole lives of a zone; the long run has others, and more.
      project({
        name: 'simulation',
        include: ['test/simulation/*.test.ts'],
        timeoutMs: 20 * MINUTE,
        env: { KURA_SIMULATED_SEEDS: '60', KURA_SIMULATED_FROM: '201' },
      }),
      project({
        name: 'lives',
        include: ['test/simulation/*.test.ts'],
        timeoutMs: 20 * MINUTE,
        env: { KURA_SIMULATED_SEEDS: '200', KURA_SIMULATED_FROM: '1001' },
      }),
      project({
        name: 'long',
        include: ['test/long/**/*.test.ts', 'test/fuzz/*.test.ts', FUZZERS],
        timeoutMs: 60 * MINUTE,
        isSerial: true,
        env: LONG_FUZZING,
        causesFaults: true,
      }),
      // Lives of up to three steps; `unit` has those of two.
      project({
        name: 'states',
        include: ['packages/extent/src/crash-states.model.test.ts'],
        timeoutMs: 60 * MINUTE,
        env: { KURA_MODEL_EFFORT: 'long' },
      }),
    ],
  },
})
