#!/usr/bin/env node
import { runProgram } from '@kura/runtime'
import { checkThreadPool, settings } from './config.ts'
import { initialise } from './initialise.ts'
import { StorageNode } from './storage-node.ts'

await runProgram({
  settings,
  commands: {
    serve: async (given) => {
      checkThreadPool(given.env)
      return StorageNode.create(given.settings)
    },
    init: async (given) => {
      const identity = await initialise(given.settings)
      process.stdout.write(`${JSON.stringify(identity)}\n`)
    },
  },
})
