/**
 * Loaded before a service (`node --import`): writes the name of every mark that the process passes
 * into a file, one a line, and kills the process with SIGKILL at the one it was told.
 */
import { subscribe } from 'node:diagnostics_channel'
import { openSync, writeSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'
import { MARKS } from '@kura/core'
import { DEATH_VARIABLE, describeDeath, FILE_VARIABLE } from './death-point.ts'

function follow(path: string): void {
  const file = openSync(path, 'a')
  const death = process.env[DEATH_VARIABLE]
  for (const mark of MARKS) {
    let hit = 0
    subscribe(`kura:${mark}`, () => {
      hit += 1
      writeSync(file, `${mark}\n`)
      if (describeDeath({ mark, hit }) === death) process.kill(process.pid, 'SIGKILL')
    })
  }
}

const path = process.env[FILE_VARIABLE]
if (isMainThread && path !== undefined) follow(path)
