/**
 * What V8 may let lie about before it collects. It takes the slabs of a process, which are outside
 * of its heap and never garbage, for a large heap, and would let a heap of 20 MiB grow by a
 * hundred. The rest of the bound, the young generation, can only be set before a process starts:
 * NODE_OPTIONS in `deploy/config/process.env`.
 */
import { setFlagsFromString } from 'node:v8'

/**
 * Growth of the old generation after which it is collected; at least some 8 MiB. With 100 a busy
 * frontend does a sixth more small requests, but keeps 58 MiB after a flood where 32 are allowed,
 * also if `heap-trimmer.ts` counts the heap: it is not all garbage.
 */
const HEAP_GROWING_PERCENT = 20
/** Buffers that have just become garbage are collected when they reach four times this, in MiB. */
const NEW_SPACE_MIB = 4

/**
 * A heap that is collected often soon takes code for old that was not called for a second, and
 * compiles and warms it again with the next request: a quarter of a busy process's time.
 */
const KEEP_CODE = '--no-flush-bytecode'

/** REQUIRES: called as a process starts. Changes nothing of what a program may use, only when. */
export function boundHeap(): void {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`)
  setFlagsFromString(`--scavenger-max-new-space-capacity-mb=${NEW_SPACE_MIB}`)
  setFlagsFromString(KEEP_CODE)
}
