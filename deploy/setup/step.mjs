/** One step of the set-up: a line with its seconds, its output in a log, shown when it fails. */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { fail } from './fail.mjs'
import { toolchainFolder } from './layout.mjs'

const TAIL_LINES = 40

export function runStep(title, command, args, { cwd, env }) {
  process.stderr.write(`kura: ${title} … `)
  const startedAt = process.hrtime.bigint()
  mkdirSync(toolchainFolder, { recursive: true })
  const logPath = join(toolchainFolder, 'setup.log')
  const log = openSync(logPath, 'w')
  const result = spawnSync(command, args, { cwd, env, stdio: ['ignore', log, log] })
  closeSync(log)
  const seconds = Number(process.hrtime.bigint() - startedAt) / 1e9
  process.stderr.write(`${seconds.toFixed(1)} s\n`)
  if (result.status === 0) return
  const lines = readFileSync(logPath, 'utf8').trimEnd().split('\n')
  process.stderr.write(`${lines.slice(-TAIL_LINES).join('\n')}\n`)
  const reason = result.error?.message ?? result.signal ?? `exit code ${result.status}`
  fail(`${title} failed (${reason}); the whole output is in ${logPath}`)
}
