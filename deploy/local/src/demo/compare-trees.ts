/**
 * Compares a restored tree with a second reading of its source: every name, type, mode, time, link
 * target and byte. Names are bytes; not every file system speaks UTF-8.
 */
import type { BigIntStats } from 'node:fs'
import { lstat, open, readdir, readlink } from 'node:fs/promises'
import { MIB } from '@kura/core'

const PIECE_BYTES = MIB
const NAMED_MAX = 20

export interface TreeComparison {
  readonly files: number
  readonly bytes: number
  readonly lost: number
  readonly wrong: number
  /** The first differences, for people. */
  readonly named: readonly string[]
}

export interface CompareOptions {
  readonly source: Buffer
  readonly restored: Buffer
  /** Paths in the source that were not stored, and reported so. */
  readonly skipped: ReadonlySet<string>
}

export async function compareTrees(options: CompareOptions): Promise<TreeComparison> {
  const comparison = new Comparison(options)
  await comparison.compareDirectories(options.source, options.restored)
  return comparison.result()
}

/** The key of a path in `skipped`. */
export function pathKey(path: Uint8Array): string {
  return Buffer.from(path).toString('latin1')
}

class Comparison {
  readonly #options: CompareOptions
  #files = 0
  #bytes = 0
  #lost = 0
  #wrong = 0
  readonly #named: string[] = []

  constructor(options: CompareOptions) {
    this.#options = options
  }

  result(): TreeComparison {
    const { files, bytes, lost, wrong } = {
      files: this.#files,
      bytes: this.#bytes,
      lost: this.#lost,
      wrong: this.#wrong,
    }
    return { files, bytes, lost, wrong, named: this.#named }
  }

  async compareDirectories(source: Buffer, restored: Buffer): Promise<void> {
    const wanted = await readdir(source, { encoding: 'buffer' })
    const found = new Set((await readdir(restored, { encoding: 'buffer' })).map(pathKey))
    for (const name of wanted) {
      const sourcePath = join(source, name)
      if (this.#options.skipped.has(pathKey(sourcePath))) continue
      if (found.delete(pathKey(name))) await this.#compareEntries(sourcePath, join(restored, name))
      else this.#name('lost', sourcePath, 'is not there')
    }
    for (const name of found) {
      const path = join(restored, Buffer.from(name, 'latin1'))
      this.#name('wrong', path, 'is not in the source')
    }
  }

  async #compareEntries(source: Buffer, restored: Buffer): Promise<void> {
    const left = await lstat(source, { bigint: true })
    const right = await lstat(restored, { bigint: true })
    const difference = describeDifference(left, right)
    if (difference !== undefined) return this.#name('wrong', source, difference)
    if (left.isDirectory()) return await this.compareDirectories(source, restored)
    if (left.isSymbolicLink()) return await this.#compareLinks(source, restored)
    this.#files += 1
    this.#bytes += Number(left.size)
    const offset = await firstDifference(source, restored)
    if (offset !== undefined) this.#name('wrong', source, `differs from byte ${offset}`)
  }

  async #compareLinks(source: Buffer, restored: Buffer): Promise<void> {
    const left = await readlink(source, { encoding: 'buffer' })
    const right = await readlink(restored, { encoding: 'buffer' })
    if (!left.equals(right)) this.#name('wrong', source, 'has another target')
  }

  #name(kind: 'lost' | 'wrong', path: Buffer, what: string): void {
    if (kind === 'lost') this.#lost += 1
    else this.#wrong += 1
    if (this.#named.length < NAMED_MAX) this.#named.push(`${path.toString('utf8')} ${what}`)
  }
}

function join(folder: Buffer, name: Buffer): Buffer {
  return Buffer.concat([folder, Buffer.from('/'), name])
}

function describeDifference(left: BigIntStats, right: BigIntStats): string | undefined {
  const typeOf = (stats: BigIntStats): bigint => stats.mode & 0o170000n
  if (typeOf(left) !== typeOf(right)) return 'has another type'
  if (left.isSymbolicLink()) return undefined
  if ((left.mode & 0o7777n) !== (right.mode & 0o7777n)) return 'has another mode'
  if (left.mtimeNs !== right.mtimeNs) {
    // Times are restored through seconds as a floating-point number: microseconds survive.
    const distance = left.mtimeNs - right.mtimeNs
    if (distance > 1000n || distance < -1000n) return 'has another time'
  }
  if (left.isFile() && left.size !== right.size) return 'has another size'
  return undefined
}

/** The offset of the first byte that differs; undefined where the files are equal. */
async function firstDifference(source: Buffer, restored: Buffer): Promise<number | undefined> {
  await using left = await open(source)
  await using right = await open(restored)
  const leftPiece = Buffer.allocUnsafe(PIECE_BYTES)
  const rightPiece = Buffer.allocUnsafe(PIECE_BYTES)
  for (let offset = 0; ; offset += PIECE_BYTES) {
    const { bytesRead } = await left.read(leftPiece, 0, PIECE_BYTES, offset)
    const { bytesRead: other } = await right.read(rightPiece, 0, PIECE_BYTES, offset)
    const isEqual = leftPiece.subarray(0, bytesRead).equals(rightPiece.subarray(0, other))
    if (!isEqual) return offset
    if (bytesRead < PIECE_BYTES) return undefined
  }
}
