/**
 * What a machine must be able to do for the tests that hurt disks and processes. Each capability is
 * tried in earnest and in miniature: what a package list or a kernel version promises says little.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Device, type FileSystem, MountedDisk } from '@kura/testkit'
import { buildLostSync } from './build-lost-sync.ts'
import { MemoryGroup } from './memory-group.ts'
import { makeScratchFolder } from './scratch-folder.ts'

export const CAPABILITIES = ['ext4', 'xfs', 'fault-disk', 'lost-sync', 'memory-limit'] as const
export type Capability = (typeof CAPABILITIES)[number]

/** Why the machine lacks it; undefined where it has it. */
export type CapabilityReport = Readonly<Record<Capability, string | undefined>>

/** The smallest that mkfs.xfs makes. */
const PROBE_BYTES = 300 * 1024 * 1024
const PROBE_MEMORY_BYTES = 256 * 1024 * 1024

const PROBES: Readonly<Record<Capability, () => Promise<void>>> = {
  ext4: async () => await tryCut('ext4', 'file'),
  xfs: async () => await tryCut('xfs', 'file'),
  'fault-disk': async () => await tryCut('ext4', 'fault-disk'),
  'lost-sync': tryLostSync,
  'memory-limit': async () => await (await MemoryGroup.make(PROBE_MEMORY_BYTES)).remove(),
}

/** Tries everything, one after the other. */
export async function probeCapabilities(): Promise<CapabilityReport> {
  const report: Partial<Record<Capability, string | undefined>> = {}
  for (const capability of CAPABILITIES) {
    report[capability] = await PROBES[capability]().then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    )
  }
  return report as CapabilityReport
}

/** One line, then one for each thing that is missing. */
export function describeCapabilities(report: CapabilityReport): string {
  const verdicts = CAPABILITIES.map(
    (name) => `${name}=${report[name] === undefined ? 'yes' : 'NO'}`,
  )
  const reasons = CAPABILITIES.flatMap((name) => {
    const reason = report[name]?.split('\n')[0]
    return reason === undefined ? [] : [`  no ${name}: ${reason}`]
  })
  return [`faults that this machine can cause: ${verdicts.join(' ')}`, ...reasons].join('\n')
}

/** A power cut of an empty file system. */
async function tryCut(fileSystem: FileSystem, device: Device): Promise<void> {
  const folder = await makeScratchFolder(PROBE_BYTES)
  try {
    await using disk = await MountedDisk.make({
      folder,
      fileSystem,
      device,
      sizeBytes: PROBE_BYTES,
    })
    await disk.cutPower({ seed: 1, keptPercent: 0 })
    const { isControlGone } = await disk.recover()
    if (!isControlGone) throw new Error('unsynced bytes survived the cut')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A process of Node whose first sync fails and whose second succeeds. */
async function tryLostSync(): Promise<void> {
  const folder = await makeScratchFolder(0)
  const environment = {
    ...process.env,
    LD_PRELOAD: await buildLostSync(),
    LOST_SYNC_PATH: folder,
    LOST_SYNC_TRIGGER: join(folder, 'trigger'),
  }
  const program = `
    const { open } = await import('node:fs/promises')
    const file = await open(process.argv[1], 'r+')
    const sync = () => file.datasync().then(() => 'ok', ({ code }) => code)
    await file.writev([Buffer.from('new')], 0)
    const said = [await sync(), await sync()]
    const { buffer } = await file.read(Buffer.alloc(3), 0, 3, 0)
    console.log(...said, String(buffer))`
  try {
    await writeFile(join(folder, 'trigger'), '')
    const path = join(folder, 'file')
    await writeFile(path, 'old')
    const args = ['--input-type=module', '-e', program, path]
    const { stdout } = await promisify(execFile)(process.execPath, args, { env: environment })
    if (stdout.trim() !== 'EIO ok old') throw new Error(`a lost sync said ${stdout.trim()}`)
    if (existsSync(join(folder, 'trigger'))) throw new Error('the library was not loaded')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
