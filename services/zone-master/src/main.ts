#!/usr/bin/env node
import { runProgram } from '@kura/runtime'
import { backUpCommand, restoreCommand } from './commands.ts'
import { configOf, settings } from './config.ts'
import { initialiseZoneMaster } from './initialise.ts'
import { ZoneMaster } from './zone-master.ts'

await runProgram({
  settings,
  commands: {
    serve: async (given) => ZoneMaster.create(configOf(given)),
    init: async (given) => {
      const { incarnation } = initialiseZoneMaster(configOf(given))
      process.stdout.write(`initialised, incarnation ${incarnation.number}\n`)
    },
    backup: backUpCommand,
    restore: restoreCommand,
  },
})
