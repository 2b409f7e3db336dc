#!/usr/bin/env node
import { runProgram } from '@kura/runtime'
import { parseConfig } from './config.ts'
import { initialiseZoneMaster } from './initialise.ts'
import { ZoneMaster } from './zone-master.ts'

await runProgram({
  service: 'zone-master',
  commands: {
    serve: async ({ env }) => ZoneMaster.create(parseConfig(env)),
    init: async ({ env }) => {
      const { incarnation } = initialiseZoneMaster(parseConfig(env))
      process.stdout.write(`initialised, incarnation ${incarnation.number}\n`)
    },
    'config check': async ({ env }) => {
      process.stdout.write(`${JSON.stringify(parseConfig(env), null, 2)}\n`)
    },
  },
})
