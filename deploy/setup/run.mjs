#!/usr/bin/env node
/**
 * The entry of `npm start`, `npm test`, `npm run test:long`, `npm run kura`, `npm run bench`,
 * `npm run simulate` and `npm run soak`: checks what the machine lacks, sets the tree up where
 * something changed, then runs the target under the right Node. Plain JavaScript for Node ≥ 18
 * without dependencies, because it runs before anything is installed.
 */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { resolve } from 'node:path'

import { fail } from './fail.mjs'
import { lockSetup } from './lock.mjs'
import { root, targets } from './layout.mjs'
import { checkMachine, checkStart } from './preflight.mjs'
import { resolveNode } from './toolchain.mjs'
import { setUp } from './workspace.mjs'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP']
const PARENT_CHECK_MS = 500

const [command = '', ...args] = process.argv.slice(2)

async function main() {
  if (command !== 'setup' && !Object.hasOwn(targets, command)) {
    fail(`unknown command "${command}"; one of: setup, ${Object.keys(targets).join(', ')}`)
  }
  checkMachine()
  if (command === 'start') await checkStart(args)
  const lock = lockSetup()
  const toolchain = setUp()
  lock.release()
  if (command === 'setup') return
  runTarget(targets[command], toolchain)
}

/** Runs the target as a child with the same terminal; its signals and exit code become ours. */
function runTarget(target, toolchain) {
  const nodeArgs = [...(target.nodeArgs ?? []), resolve(root, target.file), ...target.args]
  const child = spawn(toolchain.node, [...nodeArgs, ...args], {
    cwd: target.whereCalled ? (process.env.INIT_CWD ?? process.cwd()) : root,
    env: { ...toolchain.env, KURA_PARENT_PID: String(process.pid) },
    stdio: 'inherit',
  })
  for (const signal of SIGNALS) process.on(signal, () => child.kill(signal))
  if (process.env.npm_lifecycle_event !== undefined) stopWithParent(child)
  child.on('error', (error) => fail(`cannot run ${target.file}: ${error.message}`))
  child.on('exit', (code, signal) => {
    process.exit(code ?? 128 + (constants.signals[signal] ?? 0))
  })
}

/** An npm that was killed hard passes no signal on; without this its child would stay behind. */
function stopWithParent(child) {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid !== parent) child.kill('SIGTERM')
  }, PARENT_CHECK_MS)
  timer.unref()
}

resolveNode()
await main()
