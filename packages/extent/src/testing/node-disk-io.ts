/**
 * Every promise of a `NodeDisk` about what is durable, for `runWithWatchedIo`.
 *
 * Method: each operation runs on real files. Its calls are done again on a disk in memory, which
 * loses power in every way there is; what the operation promised must be there. Then each of its
 * syncs fails, once: the operation must fail with it.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { PAGE_SIZE_BYTES, type Disk } from '@kura/core'
import {
  listCrashStates,
  MemoryDisk,
  replayCalls,
  WATCHED_FAULTS,
  WatchedIo,
  type TracedCall,
  type WatchedFault,
} from '@kura/testkit'
import { NodeDisk } from '../node-disk.ts'

const SEED = 1
const CONTENT = Buffer.alloc(2 * PAGE_SIZE_BYTES, 'kura')
const CHANGED = Buffer.alloc(PAGE_SIZE_BYTES, 'storehouse')
const SYNCS_MAX = 10

interface DurableOperation {
  readonly name: string
  /** Durable when it returns. */
  readonly run: (disk: Disk) => Promise<void>
  /** Throws where it is not there. */
  readonly check: (disk: Disk) => Promise<void>
}

export interface NodeDiskCounts {
  operations: number
  powerCuts: number
  failedSyncs: number
}

const OPERATIONS: readonly DurableOperation[] = [
  {
    name: 'make a directory in a directory',
    run: (disk) => disk.makeDirectory('a/b'),
    check: (disk) => expectThere(disk, 'a/b'),
  },
  {
    name: 'write pieces, sync, link, sync the directories',
    run: async (disk) => {
      const file = await disk.create('a/file', { allocateBytes: 0, direct: false })
      const half = CONTENT.length / 2
      await file.write([CONTENT.subarray(0, half), CONTENT.subarray(half)], 0)
      await file.sync()
      await file.close()
      await disk.link('a/file', 'a/b/file')
      await disk.syncDirectory('a')
      await disk.syncDirectory('a/b')
    },
    check: async (disk) => {
      await expectContent(disk, 'a/file', CONTENT)
      await expectContent(disk, 'a/b/file', CONTENT)
    },
  },
  {
    name: 'write over what is there, cut it, sync',
    run: async (disk) => {
      const file = await disk.open('a/file', { mode: 'write', direct: false })
      await file.write([CHANGED], 0)
      await file.cut(PAGE_SIZE_BYTES)
      await file.sync()
      await file.close()
    },
    check: (disk) => expectContent(disk, 'a/b/file', CHANGED),
  },
  {
    name: 'remove a name, sync the directory',
    run: async (disk) => {
      await disk.unlink('a/b/file')
      await disk.syncDirectory('a/b')
    },
    check: async (disk) => {
      if ((await disk.stat('a/b/file')) !== undefined) throw new Error('the name is back')
    },
  },
  {
    name: 'write a small file durably',
    run: (disk) => disk.writeFileDurably('SMALL', Buffer.from('one')),
    check: (disk) => expectContent(disk, 'SMALL', Buffer.from('one')),
  },
  {
    name: 'replace a small file durably',
    run: (disk) => disk.writeFileDurably('SMALL', Buffer.from('another')),
    check: (disk) => expectContent(disk, 'SMALL', Buffer.from('another')),
  },
]

async function expectThere(disk: Disk, path: string): Promise<void> {
  if ((await disk.stat(path)) === undefined) throw new Error(`${path} is gone`)
}

async function expectContent(disk: Disk, path: string, content: Buffer): Promise<void> {
  await expectThere(disk, path)
  if (!(await disk.readFile(path)).equals(content)) throw new Error(`${path} holds something else`)
}

const io = new WatchedIo()
const counts: NodeDiskCounts = { operations: 0, powerCuts: 0, failedSyncs: 0 }

/** A folder of its own, in which the operations before this one are done. */
async function prepare(folder: string, operation: DurableOperation): Promise<NodeDisk> {
  const root = join(io.directory, folder)
  mkdirSync(root)
  const disk = await NodeDisk.open(root)
  for (const earlier of OPERATIONS.slice(0, OPERATIONS.indexOf(operation))) await earlier.run(disk)
  return disk
}

/** The calls since then, as of a disk whose root is that folder. */
function callsIn(folder: string, startBytes: number): TracedCall[] {
  const inside = `${folder}/`
  const nameOf = (path: string): string => (path === folder ? '' : path.slice(inside.length))
  return io
    .calls(startBytes, io.position())
    .filter(({ path }) => path === folder || path.startsWith(inside))
    .filter(({ kind, path }) => kind !== 'mkdir' || path !== folder)
    .map((call) => {
      const hasName = call.kind === 'link' || call.kind === 'rename'
      const data = hasName ? Buffer.from(nameOf(call.data.toString())) : call.data
      return { ...call, path: nameOf(call.path), data }
    })
}

async function checkPowerCuts(operation: DurableOperation): Promise<void> {
  const folder = `power-${counts.operations}`
  const startBytes = io.position()
  await operation.run(await prepare(folder, operation))
  const memory = new MemoryDisk()
  await replayCalls(memory, callsIn(folder, startBytes))
  for (const left of listCrashStates(memory, { seed: SEED })) {
    counts.powerCuts += 1
    await operation.check(left).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error)
      throw new Error(`${operation.name}: a power cut after it, and ${reason}`)
    })
  }
}

async function checkFailedSyncs(operation: DurableOperation, fault: WatchedFault): Promise<void> {
  for (let nth = 1; nth <= SYNCS_MAX; nth += 1) {
    const disk = await prepare(`sync-${counts.operations}-${nth}`, operation)
    io.arm(fault, nth)
    const isDone = await operation.run(disk).then(
      () => true,
      () => false,
    )
    if (io.disarm() === 0) return
    if (isDone) throw new Error(`${operation.name}: done, although its sync ${nth} failed`)
    counts.failedSyncs += 1
  }
  throw new Error(`${operation.name}: more than ${SYNCS_MAX} syncs`)
}

const syncFault = WATCHED_FAULTS.find(
  ({ kinds, lasts }) => kinds.includes('sync') && lasts === 'once',
)
if (syncFault === undefined) throw new Error('there is no fault of a sync')
for (const operation of OPERATIONS) {
  await checkPowerCuts(operation)
  await checkFailedSyncs(operation, syncFault)
  counts.operations += 1
}
process.stdout.write(JSON.stringify(counts))
