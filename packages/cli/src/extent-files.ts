/** Extent files on a disk of this machine, for the checker that needs no zone. */
import { open, readdir, readFile, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { KuraError } from '@kura/core'
import type { ExtentCheck, ReadableExtent } from '@kura/extent-check'

export interface ExtentFile {
  readonly path: string
  readonly sizeBytes: number
}

/** What lies about the extent rather than in it. */
export interface NameFinding {
  readonly part: 'file-name' | 'freeze-mark'
  readonly offsetBytes: number
  readonly reason: string
}

const SUFFIX = '.extent'
/** What is being made is no content of the disk yet. */
const SCRATCH = 'scratch'

/** The file named, or the extents in a folder and below, sorted. Throws `path-unknown`. */
export async function findExtentFiles(path: string): Promise<readonly ExtentFile[]> {
  const found = await statPath(path)
  if (!found.isDirectory()) return [{ path, sizeBytes: found.size }]
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  const files: ExtentFile[] = []
  for (const entry of entries) {
    if (!entry.isFile() || !entry.name.endsWith(SUFFIX)) continue
    if (basename(entry.parentPath) === SCRATCH) continue
    const file = join(entry.parentPath, entry.name)
    files.push({ path: file, sizeBytes: (await statPath(file)).size })
  }
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1))
}

async function statPath(path: string) {
  try {
    return await stat(path)
  } catch (cause) {
    throw fileError(path, cause)
  }
}

/** Runs `work` on a file opened for reading only. */
export async function withExtentFile<T>(
  file: ExtentFile,
  work: (extent: ReadableExtent) => Promise<T>,
): Promise<T> {
  const handle = await open(file.path, 'r').catch((cause: unknown) => {
    throw fileError(file.path, cause)
  })
  try {
    return await work({
      sizeBytes: file.sizeBytes,
      async read(target, position) {
        let filledBytes = 0
        while (filledBytes < target.length) {
          const at = position + filledBytes
          const { bytesRead } = await handle.read(target, filledBytes, undefined, at)
          if (bytesRead === 0) break
          filledBytes += bytesRead
        }
        return filledBytes
      },
    })
  } catch (error) {
    throw error instanceof KuraError ? error : fileError(file.path, error)
  } finally {
    await handle.close()
  }
}

/** Whether name and freeze mark are those of the extent inside. */
export async function checkNames(
  file: ExtentFile,
  check: ExtentCheck,
): Promise<readonly NameFinding[]> {
  const { pageZero } = check
  if (pageZero === undefined || !file.path.endsWith(SUFFIX)) return []
  const findings: NameFinding[] = []
  const name = basename(file.path, SUFFIX)
  if (/^\d+$/.test(name) && name !== String(pageZero.extentId)) {
    const reason = `the file is named ${name} and holds extent ${pageZero.extentId}`
    findings.push({ part: 'file-name', offsetBytes: 0, reason })
  }
  const mark = await readIfThere(`${file.path.slice(0, -SUFFIX.length)}.frozen`)
  if (mark !== undefined && !mark.equals(await readPageZero(file))) {
    const reason = 'the freeze mark is no copy of page 0'
    findings.push({ part: 'freeze-mark', offsetBytes: 0, reason })
  }
  return findings
}

async function readPageZero(file: ExtentFile): Promise<Buffer> {
  return await withExtentFile(file, async (extent) => {
    const page = Buffer.alloc(4096)
    await extent.read(page, 0)
    return page
  })
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined
    throw fileError(path, cause)
  }
}

function fileError(path: string, cause: unknown): KuraError {
  const code = codeOf(cause)
  if (code === 'ENOENT') return new KuraError('path-unknown', `there is no ${path}`, { cause })
  return new KuraError('file-error', `cannot read ${path}: ${code}`, { cause })
}

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
}
