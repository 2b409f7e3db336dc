#!/usr/bin/env node
import { runProgram, SystemRandom } from '@kura/runtime'
import { BlockIndex, initialiseBlockIndex, readConfig } from './index.ts'

/** EX_IOERR: the supervisor starts a process that reads from the disk what stands. */
const EXIT_DATABASE_FAILED = 74

await runProgram({
  service: 'block-index',
  commands: {
    serve: async ({ env }) =>
      BlockIndex.create(readConfig(env), { onFailure: () => process.exit(EXIT_DATABASE_FAILED) }),
    init: async ({ env }) => {
      const { incarnation } = initialiseBlockIndex(readConfig(env), new SystemRandom())
      process.stdout.write(`incarnation ${incarnation.number}-${incarnation.random}\n`)
    },
    'config check': async ({ env }) => {
      process.stdout.write(`${JSON.stringify(readConfig(env), undefined, 2)}\n`)
    },
  },
})
