/** The marks at which a process of a running zone may die, and who passes them. */
import { assert, MARKS, type Mark } from '@kura/core'
import { processNames, type ProcessKind, type ProcessName, type Topology } from './plan.ts'

/** Passed only by commands that rebuild a database while its service does not run. */
const OFFLINE_PREFIX = 'database.replace.'

const PASSERS: readonly { readonly prefix: string; readonly kind: ProcessKind }[] = [
  { prefix: 'extent.', kind: 'storage-node' },
  { prefix: 'disk.', kind: 'storage-node' },
  { prefix: 'index.', kind: 'block-index' },
  { prefix: 'table.', kind: 'volume-manager' },
  { prefix: 'close.', kind: 'volume-manager' },
  { prefix: 'repair.', kind: 'volume-manager' },
  { prefix: 'put.', kind: 'frontend' },
]

/** With each put or record, so that a life has hundreds of them; the others are rare. */
const COMMON_PREFIXES = ['put.', 'index.commit.', 'extent.append.']
const COMMON_NTH_MAX = 60
const RARE_NTH_MAX = 3

/** Every mark that a running zone passes. */
export const ZONE_MARKS: readonly Mark[] = MARKS.filter((mark) => !mark.startsWith(OFFLINE_PREFIX))

export interface CrashMark {
  readonly mark: Mark
  /** Later passes are too rarely reached. */
  readonly nthMax: number
}

export const CRASH_MARKS: readonly CrashMark[] = ZONE_MARKS.map((mark) => {
  const isCommon = COMMON_PREFIXES.some((prefix) => mark.startsWith(prefix))
  return { mark, nthMax: isCommon ? COMMON_NTH_MAX : RARE_NTH_MAX }
})

export function passersOf(mark: Mark, topology: Topology): readonly ProcessName[] {
  const passer = PASSERS.find(({ prefix }) => mark.startsWith(prefix))
  assert(passer !== undefined, `nobody passes the mark ${mark}`)
  return processNames(topology).filter((name) => name.startsWith(`${passer.kind}-`))
}
