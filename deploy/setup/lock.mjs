/**
 * One set-up at a time. flock(1) locks the open file description that we hand it; the description
 * stays ours, so the lock lasts until `release` or the end of this process, however it ends.
 */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'

import { fail, tell } from './fail.mjs'
import { toolchainFolder } from './layout.mjs'

export function lockSetup() {
  mkdirSync(toolchainFolder, { recursive: true })
  const descriptor = openSync(join(toolchainFolder, 'setup.lock'), 'a')
  if (!flock(descriptor, ['-x', '-n'])) {
    tell('another set-up is running here; waiting for it')
    if (!flock(descriptor, ['-x'])) fail('flock of .toolchain/setup.lock failed')
  }
  return { release: () => closeSync(descriptor) }
}

/** Whether the lock was taken. */
function flock(descriptor, options) {
  const result = spawnSync('flock', [...options, '3'], {
    stdio: ['ignore', 'ignore', 'inherit', descriptor],
  })
  return result.status === 0
}

/** Whether some process holds the flock of the file at `path` now. */
export function isLocked(path) {
  const result = spawnSync('flock', ['-n', '-x', path, 'true'], { stdio: 'ignore' })
  return result.status === 1
}
