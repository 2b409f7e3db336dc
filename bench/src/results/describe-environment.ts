/** Looks at the machine on which the figures are taken. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { GIB } from '@kura/core'
import type { Environment } from './environment.ts'
import { REPOSITORY } from './folders.ts'

/** `dataFolder` exists, on the disk that will hold the blocks. */
export function describeEnvironment(dataFolder: string): Environment {
  return {
    processors: cpus().length,
    model: cpus()[0]?.model ?? 'unknown',
    memoryGib: Math.round(totalmem() / GIB),
    kernel: release(),
    mount: findMount(readFileSync('/proc/mounts', 'utf8'), dataFolder),
    node: process.version,
    commit: ask('git', ['-C', REPOSITORY, 'describe', '--always', '--dirty']) ?? 'unknown',
    versions: findVersions(),
    loadBefore: loadavg()[0] ?? 0,
  }
}

/** The line of `/proc/mounts` for the file system of a folder: the longest mount point above it. */
export function findMount(mounts: string, folder: string): string {
  let found = { point: '', line: 'unknown' }
  for (const line of mounts.split('\n')) {
    const [device = '', point = '', type = '', flags = ''] = line.split(' ')
    const isAbove = folder === point || folder.startsWith(point === '/' ? '/' : `${point}/`)
    if (!isAbove || point.length < found.point.length) continue
    found = { point, line: [device, point, type, flags].join(' ') }
  }
  return found.line
}

/** Libraries on the data path, and Ceph where it is installed. */
function findVersions(): Readonly<Record<string, string>> {
  const found: Record<string, string> = {}
  const owners = { 'better-sqlite3': 'packages/database', '@grpc/grpc-js': 'packages/rpc' }
  for (const [library, owner] of Object.entries(owners)) {
    const require = createRequire(`${REPOSITORY}/${owner}/package.json`)
    const version: unknown = Reflect.get(require(`${library}/package.json`), 'version')
    found[library] = String(version)
  }
  const ceph = ask('ceph-osd', ['--version'])
  if (ceph !== undefined) found['ceph'] = /version (\S+)/.exec(ceph)?.[1] ?? ceph
  return found
}

function ask(program: string, args: readonly string[]): string | undefined {
  try {
    const stdio = ['ignore', 'pipe', 'ignore'] as const
    return execFileSync(program, args, { encoding: 'utf8', stdio: [...stdio] }).trim()
  } catch {
    return undefined
  }
}
