/** Where the media of test disks are kept. */
import { statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'

const SHARED_MEMORY = '/dev/shm'

/**
 * Memory where it has room for `sizeBytes`: what a test disk calls durable need not survive the
 * machine, and thousands of real flushes would take most of the time. Else the temporary folder.
 */
export async function scratchRoot(sizeBytes: number): Promise<string> {
  try {
    const { bavail, bsize } = await statfs(SHARED_MEMORY)
    return bavail * bsize > sizeBytes ? SHARED_MEMORY : tmpdir()
  } catch {
    return tmpdir()
  }
}
