#!/usr/bin/env node
import { runProgram, SystemRandom } from '@kura/runtime'
import { BlockIndex, initialiseBlockIndex, parseConfig } from './index.ts'

/** EX_IOERR: the supervisor starts a process that reads from the disk what stands. */
const EXIT_DATABASE_FAILED = 74

await runProgram({
  service: 'block-index',
  commands: {
    serve: async ({ env }) =>
      BlockIndex.create(parseConfig(env), { onFailure: () => process.exit(EXIT_DATABASE_FAILED) }),
    init: async ({ env }) => {
      const { incarnation } = initialiseBlockIndex(parseConfig(env), new SystemRandom())
      process.stdout.write(`incarnation ${incarnation.number}-${incarnation.random}\n`)
    },
    'config check': async ({ env }) => {
      process.stdout.write(`${JSON.stringify(parseConfig(env), undefined, 2)}\n`)
    },
  },
})
