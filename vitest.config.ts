import { defineConfig } from 'vitest/config'

// Tests run from source: the condition `source` in each package's exports, no build needed.
const source = {
  resolve: { conditions: ['source'] },
  ssr: { resolve: { conditions: ['source'], externalConditions: ['source'] } },
}

export default defineConfig({
  test: {
    projects: [
      {
        ...source,
        test: {
          name: 'unit',
          include: ['{packages,services}/*/src/**/*.test.ts', 'deploy/*/src/**/*.test.ts'],
          testTimeout: 20_000,
          env: { KURA_VERIFY: 'all' },
        },
      },
    ],
  },
})
