#!/usr/bin/env node
import { runProgram } from '@kura/runtime'
import { settings } from './config.ts'
import { Frontend } from './frontend.ts'

await runProgram({
  settings,
  commands: {
    serve: async (given) => Frontend.create(given.settings),
  },
})
