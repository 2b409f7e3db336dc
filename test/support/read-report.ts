/** Reads blocks back with a process of its own, from the disks and not from the page cache. */
import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import type { BlockHash } from '@kura/core'
import type { LocalZone } from '@kura/local'
import { expect } from 'vitest'
import type { ReadReport } from './read-blocks.ts'

const READER = new URL('read-blocks.ts', import.meta.url).pathname

/**
 * Drops the clean pages of the whole machine, so that the next read of a stored byte comes from
 * the disk. Needs root; a machine where it fails fails the test.
 */
export async function dropPageCache(): Promise<void> {
  await writeFile('/proc/sys/vm/drop_caches', '1')
}

export async function readBack(zone: LocalZone, hashes: Iterable<BlockHash>): Promise<ReadReport> {
  await dropPageCache()
  const args = ['--conditions=source', READER, zone.endpoints.pocket, zone.endpoints.block]
  const reader = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  reader.stdin.end([...hashes].join('\n'))
  const pieces: Buffer[] = []
  reader.stdout.on('data', (piece: Buffer) => pieces.push(piece))
  const code = await new Promise<number | null>((resolve) => reader.once('close', resolve))
  expect(code, 'the reader ends well').toBe(0)
  return JSON.parse(Buffer.concat(pieces).toString('utf8')) as ReadReport
}
