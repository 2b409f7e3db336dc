/**
 * The verdict on one execution of a decoder: it answered a value without impossible numbers, or
 * refused with a typed error that is no bug; it was quick, and took no more memory than it may.
 */
import { getHeapStatistics } from 'node:v8'
import { isKuraError, MIB } from '@kura/core'

const DURATION_MS_MAX = 50
/** The machine is shared and collects garbage: only what is slow every time is slow. */
const REPEATS = 3
const ALLOCATED_BYTES_MAX = 2 * MIB
const DEPTH_MAX = 12

export interface Decoder {
  /** A promise stands for what it resolves to. */
  readonly decode: (bytes: Buffer) => unknown
  /** Memory that one execution may take; 2 MiB unless given. */
  readonly allocatedBytesMax?: number | undefined
}

/** `undefined`: all is well. Otherwise what is wrong, as a sentence. */
export async function judgeDecoder(decoder: Decoder, bytes: Buffer): Promise<string | undefined> {
  const first = await runOnce(decoder, bytes)
  if (first.complaint !== undefined) return first.complaint
  const allocatedBytesMax = decoder.allocatedBytesMax ?? ALLOCATED_BYTES_MAX
  let { durationMs, allocatedBytes } = first
  for (let repeat = 0; repeat < REPEATS; repeat += 1) {
    if (durationMs <= DURATION_MS_MAX && allocatedBytes <= allocatedBytesMax) return undefined
    const again = await runOnce(decoder, bytes)
    durationMs = Math.min(durationMs, again.durationMs)
    allocatedBytes = Math.min(allocatedBytes, again.allocatedBytes)
  }
  if (durationMs > DURATION_MS_MAX) return `took ${durationMs.toFixed(1)} ms`
  if (allocatedBytes > allocatedBytesMax) return `took ${allocatedBytes} bytes of memory`
  return undefined
}

async function runOnce({ decode }: Decoder, bytes: Buffer) {
  const heldBytes = memoryBytes()
  const startedAtMs = performance.now()
  let complaint: string | undefined
  try {
    const given = decode(bytes)
    const value: unknown = given instanceof Promise ? await given : given
    complaint = findImpossible(value, 0)
  } catch (error) {
    if (!isKuraError(error)) complaint = `threw ${String(error)}, which is no KuraError`
    else if (error.code === 'internal') complaint = `called it a bug: ${error.message}`
  }
  const durationMs = performance.now() - startedAtMs
  // Negative after a garbage collection, which is as good as nothing.
  return { complaint, durationMs, allocatedBytes: memoryBytes() - heldBytes }
}

/** Objects and buffers. */
function memoryBytes(): number {
  const { used_heap_size: heapBytes, external_memory: externalBytes } = getHeapStatistics()
  return heapBytes + externalBytes
}

/** Numbers that lost digits or never were any: what a parser must not let through. */
function findImpossible(value: unknown, depth: number): string | undefined {
  if (typeof value === 'number') {
    const isPossible = Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER
    return isPossible ? undefined : `gave the number ${value}`
  }
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return undefined
  if (depth > DEPTH_MAX) return 'gave a value that nests too deeply'
  const parts = value instanceof Map ? [...value].flat() : Object.values(value)
  for (const part of parts) {
    const complaint = findImpossible(part, depth + 1)
    if (complaint !== undefined) return complaint
  }
  return undefined
}
