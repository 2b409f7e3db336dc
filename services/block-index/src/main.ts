#!/usr/bin/env node
import { runProgram, SystemRandom } from '@kura/runtime'
import { backUpCommand, rebuildCommand, restoreCommand } from './commands.ts'
import { configOf, settings } from './config.ts'
import { BlockIndex, initialiseBlockIndex } from './index.ts'

/** EX_IOERR: the supervisor starts a process that reads from the disk what stands. */
const EXIT_DATABASE_FAILED = 74

await runProgram({
  settings,
  commands: {
    serve: async (given) =>
      BlockIndex.create(configOf(given), { onFailure: () => process.exit(EXIT_DATABASE_FAILED) }),
    init: async (given) => {
      const { incarnation } = initialiseBlockIndex(configOf(given), new SystemRandom())
      process.stdout.write(`incarnation ${incarnation.number}-${incarnation.random}\n`)
    },
    rebuild: rebuildCommand,
    backup: backUpCommand,
    restore: restoreCommand,
  },
})
