/** Stores a directory and all below it under tree manifests, in bounded memory. */
import type { BigIntStats } from 'node:fs'
import { lstat, readdir, readlink, realpath, stat } from 'node:fs/promises'
import { KuraError } from '@kura/core'
import type { TreeEntry } from '@kura/proto'
import type { Workspace } from './blocks.ts'
import { ENTRIES_IN_FLIGHT_MAX, TREE_DEPTH_MAX } from './limits.ts'
import { joinPath, openToRead, toFileError } from './local-file.ts'
import { mapOrdered } from './map-ordered.ts'
import { toSpanMessage, type RootAttributes, type Span } from './manifest.ts'
import { measureTree } from './measure-tree.ts'
import { ProblemList, systemCodeOf, type Problem, type ProblemKind } from './problem.ts'
import { ProgressTracker, type OnProgress } from './progress.ts'
import { putInnerFileManifest, putOpenFile, type FileContent } from './put-content.ts'
import { formatReference, type Reference } from './reference.ts'
import { createEntry, type EntryKind } from './tree-entry.ts'
import { TreeManifestBuilder } from './tree-manifest-builder.ts'
import { TreeTasks } from './tree-tasks.ts'

export interface PutTreeOptions {
  readonly onProgress?: OnProgress | undefined
  readonly signal?: AbortSignal | undefined
}

export interface TreeCounts {
  readonly files: number
  readonly directories: number
  readonly symlinks: number
  /** Bytes of content of all files. */
  readonly bytes: number
  /** Blocks of content, repeats included, without manifests. */
  readonly blocks: number
  /** Of these, blocks and bytes that the zone did not have. */
  readonly newBlocks: number
  readonly newBytes: number
}

export interface PutTreeResult extends TreeCounts {
  readonly reference: Reference & { readonly kind: 'tree' }
  /** The reference as text. */
  readonly text: string
  readonly problemCounts: Readonly<Record<ProblemKind, number>>
  /** The first ones by name. */
  readonly problems: readonly Problem[]
}

/** Throws `file-error` where the directory itself cannot be read, and what `put` throws. */
export async function putTreeAtPath(
  workspace: Workspace,
  path: Buffer,
  options: PutTreeOptions,
): Promise<PutTreeResult> {
  const root = await openRoot(path)
  const tasks = new TreeTasks({ fileCount: workspace.parallelism, signal: options.signal })
  const { onProgress } = options
  const totals = onProgress === undefined ? {} : await measureTree(root.path, options.signal)
  const tracker = new ProgressTracker({ onProgress, ...totals })
  const writer = new TreeWriter({ workspace, tasks, tracker })
  try {
    const { hash } = await writer.putDirectory({ path: root.path, depth: 0 }, root.attributes)
    const reference = Object.freeze({ kind: 'tree' as const, hash })
    return Object.freeze({ reference, text: formatReference(reference), ...writer.summary() })
  } catch (error) {
    throw toFileError(tasks.failureBehind(error), path)
  }
}

async function openRoot(given: Buffer): Promise<{ path: Buffer; attributes: RootAttributes }> {
  try {
    const path = await realpath(given, { encoding: 'buffer' })
    const stats = await stat(path, { bigint: true })
    await readdir(path, { encoding: 'buffer' })
    return { path, attributes: { mode: Number(stats.mode) & 0o7777, mtimeNs: stats.mtimeNs } }
  } catch (error) {
    throw toFileError(error, given)
  }
}

interface StoredEntry {
  readonly entry: TreeEntry
  readonly contentBytes: number
}

interface Place {
  readonly path: Buffer
  /** Directories above it, in this tree. */
  readonly depth: number
}

class TreeWriter {
  readonly #workspace: Workspace
  readonly #tasks: TreeTasks
  readonly #tracker: ProgressTracker
  readonly #problems = new ProblemList()
  readonly #counts = {
    files: 0,
    directories: 0,
    symlinks: 0,
    bytes: 0,
    blocks: 0,
    newBlocks: 0,
    newBytes: 0,
  }

  constructor(options: {
    readonly workspace: Workspace
    readonly tasks: TreeTasks
    readonly tracker: ProgressTracker
  }) {
    this.#workspace = options.workspace
    this.#tasks = options.tasks
    this.#tracker = options.tracker
  }

  summary(): Omit<PutTreeResult, 'reference' | 'text'> {
    const problemCounts = this.#problems.counts
    return { ...this.#counts, problemCounts, problems: this.#problems.named }
  }

  /** Stores all entries of a directory, then its manifest. */
  async putDirectory(place: Place, attributes?: RootAttributes): Promise<Span> {
    if (place.depth > TREE_DEPTH_MAX) {
      throw new KuraError('invalid-argument', 'the directories nest too deeply')
    }
    const { signal } = this.#tasks
    const names = await readdir(place.path, { encoding: 'buffer' })
    names.sort(Buffer.compare)
    const builder = new TreeManifestBuilder({ blocks: this.#workspace.blocks, signal })
    const stored = mapOrdered(this.#startEntries(place, names), {
      inFlightMax: ENTRIES_IN_FLIGHT_MAX,
      work: ({ running }) => running,
    })
    for await (const each of stored) {
      if (each !== undefined) await builder.add(each.entry, each.contentBytes)
    }
    this.#counts.directories += 1
    return await builder.finish(attributes)
  }

  /** Starts the work on each entry as there is room for it. */
  async *#startEntries(
    place: Place,
    names: readonly Buffer[],
  ): AsyncGenerator<{ readonly running: Promise<StoredEntry | undefined> }> {
    for (const name of names) {
      this.#tasks.signal.throwIfAborted()
      const path = joinPath(place.path, name)
      const stats = await this.#tolerate(path, () => lstat(path, { bigint: true }))
      if (stats === undefined) continue
      if (stats.isDirectory()) {
        const inner = { path, depth: place.depth + 1 }
        yield await this.#tasks.startDirectory(() => this.#putSubdirectory(inner, name, stats))
      } else {
        yield await this.#tasks.startFile(() => this.#putNode(path, name, stats))
      }
    }
  }

  async #putSubdirectory(
    place: Place,
    name: Buffer,
    stats: BigIntStats,
  ): Promise<StoredEntry | undefined> {
    const span = await this.#tolerate(place.path, () => this.putDirectory(place))
    if (span === undefined) return undefined
    const kind = { case: 'directory' as const, value: toSpanMessage(span) }
    return { entry: createEntry(name, stats, kind), contentBytes: span.sizeBytes }
  }

  async #putNode(path: Buffer, name: Buffer, stats: BigIntStats): Promise<StoredEntry | undefined> {
    if (stats.isFile()) return await this.#tolerate(path, () => this.#putFile(path, name))
    if (stats.isSymbolicLink())
      return await this.#tolerate(path, () => this.#putLink(path, name, stats))
    this.#problems.add('special', path)
    return undefined
  }

  async #putLink(path: Buffer, name: Buffer, stats: BigIntStats): Promise<StoredEntry> {
    const target = await readlink(path, { encoding: 'buffer' })
    this.#counts.symlinks += 1
    return { entry: createEntry(name, stats, { case: 'symlink', value: target }), contentBytes: 0 }
  }

  async #putFile(path: Buffer, name: Buffer): Promise<StoredEntry | undefined> {
    await using file = await openToRead(path)
    const stats = await file.stat({ bigint: true })
    if (!stats.isFile()) {
      this.#problems.add('changed', path)
      return undefined
    }
    const { signal } = this.#tasks
    const read = await putOpenFile(this.#workspace, file, { tracker: this.#tracker, signal })
    const kind = await this.#nameContent(read.content)
    if (read.changed) this.#problems.add('changed', path)
    this.#count(read.content)
    this.#tracker.fileDone()
    const { mtimeNs } = read.attributes
    const entry = createEntry(name, { mode: stats.mode, mtimeNs }, kind)
    return { entry, contentBytes: read.content.sizeBytes }
  }

  async #nameContent(content: FileContent): Promise<EntryKind> {
    const { sizeBytes, depth, spans } = content
    const [only] = spans
    if (only === undefined) return { case: 'empty', value: {} }
    if (depth === 0 && spans.length === 1) return { case: 'block', value: toSpanMessage(only) }
    const hash = await putInnerFileManifest(this.#workspace, content, this.#tasks.signal)
    return { case: 'file', value: toSpanMessage({ hash, sizeBytes }) }
  }

  #count(content: FileContent): void {
    this.#counts.files += 1
    this.#counts.bytes += content.sizeBytes
    this.#counts.blocks += content.blockCount
    this.#counts.newBlocks += content.newBlockCount
    this.#counts.newBytes += content.newBytes
  }

  /** What the file system refuses is noted and passed over; everything else ends the work. */
  async #tolerate<T>(path: Buffer, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      if (systemCodeOf(error) === undefined) throw error
      this.#problems.add('unreadable', path, error)
      return undefined
    }
  }
}
