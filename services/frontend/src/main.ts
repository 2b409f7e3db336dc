#!/usr/bin/env node
import { runProgram } from '@kura/runtime'
import { parseConfig, readEnv } from './config.ts'
import { Frontend } from './frontend.ts'

await runProgram({
  service: 'frontend',
  commands: {
    serve: () => Promise.resolve(Frontend.create(parseConfig(readEnv()))),
    'config check': () => {
      process.stdout.write(`${JSON.stringify(parseConfig(readEnv()))}\n`)
      return Promise.resolve()
    },
  },
})
