/** What the machine must have, checked before anything is built, each lack named in one line. */
import fs, { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, dirname, join, resolve } from 'node:path'

import { fail } from './fail.mjs'
import { root } from './layout.mjs'
import { isLocked } from './lock.mjs'
import { isNodeFit } from './toolchain.mjs'
import { isInstalled } from './workspace.mjs'

const MIB = 1024 * 1024
/** Tool chain, dependencies, build and the compiler's scratch: 0.6 GB when measured. */
const SETUP_MIB = 1024
/** Open extents of a new zone, at most, and something to store. */
const ZONE_MIB = 8 * 1024 + 1024
const DEFAULT_PORT_BASE = 7420
const PORT_NAMES = ['HTTP', 'block transport', 'zone master', 'gRPC']

const RUN_TOOLS = { fallocate: 'util-linux', flock: 'util-linux', git: 'git' }
const BUILD_TOOLS = { python3: 'python3', make: 'make', 'g++': 'g++', npm: 'npm' }

export function checkMachine() {
  if (process.platform !== 'linux') {
    fail(`runs on Linux only so far (flock, fallocate, direct I/O); this is ${process.platform}`)
  }
  if (process.arch !== 'x64' && !isNodeFit()) {
    fail(`Node ≥ 22.14 is needed on ${process.arch}; this is ${process.version}`)
  }
  const isReady = isInstalled()
  const missing = Object.entries({ ...RUN_TOOLS, ...(isReady ? {} : BUILD_TOOLS) })
    .filter(([tool]) => !isOnPath(tool))
    .map(([tool, debianPackage]) => `${tool} (Debian package ${debianPackage})`)
  if (missing.length > 0) fail(`missing on this machine: ${missing.join(', ')}`)
  if (!isReady) checkSpace(root, SETUP_MIB, 'the set-up')
}

/** Lock, ports and space of `npm start`, as its options ask for them. */
export async function checkStart(args) {
  if (args.includes('--help') || args.includes('-h') || isOptionGiven(args, '--demo')) return
  const dataDir = resolve(
    process.env.INIT_CWD ?? root,
    option(args, '--data') ?? join(root, '.kura'),
  )
  const lock = join(dataDir, 'LOCK')
  if (existsSync(lock) && isLocked(lock)) {
    const owner = readFileSync(lock, 'utf8').trim()
    fail(`the data in ${dataDir} is in use by another launcher${owner && ` (process ${owner})`}`)
  }
  const isNew = !existsSync(join(dataDir, 'ZONE'))
  if (isNew && !isOptionGiven(args, '--bucket-size')) checkSpace(dataDir, ZONE_MIB, 'a new zone')
  const base = Number(option(args, '--port-base') ?? DEFAULT_PORT_BASE)
  if (!Number.isInteger(base) || base < 0 || base > 65532) fail('--port-base is 0 to 65532')
  if (base === 0) return
  for (const [index, name] of PORT_NAMES.entries()) await checkPort(base + index, name)
}

function option(args, name) {
  const index = args.indexOf(name)
  if (index >= 0) return args[index + 1]
  return args.find((arg) => arg.startsWith(`${name}=`))?.slice(name.length + 1)
}

function isOptionGiven(args, name) {
  return args.some((arg) => arg === name || arg.startsWith(`${name}=`))
}

function isOnPath(tool) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** The first versions of Node 18 cannot tell; then the build says it, less kindly. */
function checkSpace(folder, neededMib, purpose) {
  if (fs.statfsSync === undefined) return
  let existing = folder
  while (!existsSync(existing)) existing = dirname(existing)
  const stats = fs.statfsSync(existing)
  const freeMib = Math.floor((stats.bavail * stats.bsize) / MIB)
  if (freeMib < neededMib) {
    fail(`too little disk space in ${existing}: ${purpose} takes ${neededMib} MiB, ${freeMib} free`)
  }
}

function checkPort(port, name) {
  return new Promise((done) => {
    const server = createServer()
    server.once('error', (error) => {
      const reason = error.code === 'EADDRINUSE' ? 'is taken' : `cannot be used (${error.code})`
      fail(`port ${port} (${name}) ${reason}; free it or choose others with --port-base`)
    })
    server.listen(port, '127.0.0.1', () => server.close(() => done()))
  })
}
