#!/usr/bin/env node
import { runProgram } from '@kura/runtime'
import { checkThreadPool, parseConfig, readEnv } from './config.ts'
import { initialise } from './initialise.ts'
import { StorageNode } from './storage-node.ts'

await runProgram({
  service: 'storage-node',
  commands: {
    serve: () => {
      const env = readEnv()
      checkThreadPool(env)
      return Promise.resolve(StorageNode.create(parseConfig(env)))
    },
    init: async () => {
      const identity = await initialise(parseConfig(readEnv()))
      process.stdout.write(`${JSON.stringify(identity)}\n`)
    },
    'config check': () => {
      process.stdout.write(`${JSON.stringify(parseConfig(readEnv()))}\n`)
      return Promise.resolve()
    },
  },
})
