#!/usr/bin/env node
import { runProgram, SystemRandom } from '@kura/runtime'
import { backUpCommand, rebuildCommand, restoreCommand } from './commands.ts'
import { configOf, settings } from './config.ts'
import { initialiseReplicationTable } from './store/replication-table.ts'
import { VolumeManager } from './volume-manager.ts'

await runProgram({
  settings,
  commands: {
    serve: async (given) => await VolumeManager.create(configOf(given)),
    init: async (given) => {
      initialiseReplicationTable(configOf(given), new SystemRandom())
      await Promise.resolve()
    },
    rebuild: rebuildCommand,
    backup: backUpCommand,
    restore: restoreCommand,
  },
})
