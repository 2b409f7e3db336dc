#!/usr/bin/env node
import { runProgram, SystemRandom } from '@kura/runtime'
import { parseConfig } from './config.ts'
import { initialiseReplicationTable } from './store/replication-table.ts'
import { VolumeManager } from './volume-manager.ts'

await runProgram({
  service: 'volume-manager',
  commands: {
    serve: async ({ env }) => await VolumeManager.create(parseConfig(env)),
    init: async ({ env }) => {
      initialiseReplicationTable(parseConfig(env), new SystemRandom())
      await Promise.resolve()
    },
    'config check': async ({ env }) => {
      process.stdout.write(`${JSON.stringify(parseConfig(env), undefined, 2)}\n`)
      await Promise.resolve()
    },
  },
})
