/**
 * Restores a stored directory. It never writes outside its target: names are single components,
 * files are made anew and never through a link, and a directory that is already there must really
 * be one.
 */
import { chmod, lutimes, mkdir, readdir, realpath, symlink, utimes } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { KuraError } from '@kura/core'
import type { TreeEntry, TreeManifest } from '@kura/proto'
import type { Workspace } from './blocks.ts'
import { readFileManifest, writeSpans } from './get-file.ts'
import { ENTRIES_IN_FLIGHT_MAX, TREE_DEPTH_MAX } from './limits.ts'
import { joinPath, lstatIfThere, toFileError } from './local-file.ts'
import { decodeTreeManifest, parseSpan, type RootAttributes } from './manifest.ts'
import { mapOrdered } from './map-ordered.ts'
import { removeFile, secondsOf, targetExists, writeNewFile } from './new-file.ts'
import { systemCodeOf } from './problem.ts'
import { ProgressTracker, type OnProgress } from './progress.ts'
import { walkFile, type PlacedSpan } from './read-content.ts'
import { contentBytesOf, walkEntries } from './read-tree.ts'
import { requireReference, type Reference } from './reference.ts'
import { TreeTasks } from './tree-tasks.ts'

export interface GetTreeOptions {
  /** Restore into a directory that has content, replacing files and links of the same names. */
  readonly overwrite?: boolean | undefined
  readonly onProgress?: OnProgress | undefined
  readonly signal?: AbortSignal | undefined
}

export interface GetTreeResult {
  readonly files: number
  readonly directories: number
  readonly symlinks: number
  readonly bytes: number
  readonly blocks: number
}

/** Throws `target-exists`, `file-error`, `format-invalid`, and what `get` throws. */
export async function getTreeToPath(
  workspace: Workspace,
  target: { readonly reference: Reference | string; readonly path: Buffer },
  options: GetTreeOptions,
): Promise<GetTreeResult> {
  const { hash } = requireReference(target.reference, 'tree')
  const tasks = new TreeTasks({ fileCount: workspace.parallelism, signal: options.signal })
  const { onProgress, overwrite = false } = options
  try {
    const manifest = decodeTreeManifest(
      await workspace.blocks.get(hash, { signal: options.signal }),
    )
    const tracker = new ProgressTracker({ onProgress, bytesTotal: contentBytesOf(manifest) })
    const path = await prepareRoot(target.path, overwrite)
    const reader = new TreeReader({ workspace, tasks, tracker, overwrite })
    await reader.restoreDirectory({ path, depth: 0, manifest, attributes: manifest.attributes })
    return reader.summary()
  } catch (error) {
    throw toFileError(tasks.failureBehind(error), target.path)
  }
}

/** The directory to restore into: new or empty, unless the caller wants to overwrite. */
async function prepareRoot(path: Buffer, overwrite: boolean): Promise<Buffer> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    if (systemCodeOf(error) !== 'EEXIST') throw error
    const names = await readdir(path)
    if (names.length > 0 && !overwrite) throw targetExists(path)
  }
  return await realpath(path, { encoding: 'buffer' })
}

interface DirectoryToRestore {
  readonly path: Buffer
  /** Directories above it, in this tree. */
  readonly depth: number
  readonly manifest: TreeManifest
  readonly attributes: RootAttributes | undefined
}

class TreeReader {
  readonly #workspace: Workspace
  readonly #tasks: TreeTasks
  readonly #tracker: ProgressTracker
  readonly #overwrite: boolean
  readonly #counts = { files: 0, directories: 0, symlinks: 0 }

  constructor(options: {
    readonly workspace: Workspace
    readonly tasks: TreeTasks
    readonly tracker: ProgressTracker
    readonly overwrite: boolean
  }) {
    this.#workspace = options.workspace
    this.#tasks = options.tasks
    this.#tracker = options.tracker
    this.#overwrite = options.overwrite
  }

  summary(): GetTreeResult {
    const { bytesDone: bytes, blocksDone: blocks } = this.#tracker.current
    return Object.freeze({ ...this.#counts, bytes, blocks })
  }

  /** Restores all entries, then the directory's own mode and time, which the entries disturb. */
  async restoreDirectory(directory: DirectoryToRestore): Promise<void> {
    const { path, depth, attributes } = directory
    if (depth > TREE_DEPTH_MAX) {
      throw new KuraError('format-invalid', 'the directories nest too deeply')
    }
    const restored = mapOrdered(this.#startEntries(directory), {
      inFlightMax: ENTRIES_IN_FLIGHT_MAX,
      work: ({ running }) => running,
    })
    for await (const _ of restored);
    this.#counts.directories += 1
    if (attributes === undefined) return
    await chmod(path, attributes.mode)
    const seconds = secondsOf(attributes.mtimeNs)
    await utimes(path, seconds, seconds)
  }

  async *#startEntries(
    directory: DirectoryToRestore,
  ): AsyncGenerator<{ readonly running: Promise<void> }> {
    const { blocks } = this.#workspace
    const { signal } = this.#tasks
    for await (const entry of walkEntries(blocks, directory.manifest, signal)) {
      signal.throwIfAborted()
      const path = joinPath(directory.path, entry.name)
      if (entry.kind.case === 'directory') {
        const depth = directory.depth + 1
        yield await this.#tasks.startDirectory(() =>
          this.#restoreSubdirectory({ path, depth, entry }),
        )
      } else {
        yield await this.#tasks.startFile(() => this.#restoreNode(path, entry))
      }
    }
  }

  async #restoreSubdirectory(place: {
    readonly path: Buffer
    readonly depth: number
    readonly entry: TreeEntry
  }): Promise<void> {
    const { path, depth, entry } = place
    if (entry.kind.case !== 'directory') return
    const { hash } = parseSpan(entry.kind.value)
    const { signal } = this.#tasks
    const manifest = decodeTreeManifest(await this.#workspace.blocks.get(hash, { signal }))
    await this.#makeDirectory(path)
    await this.restoreDirectory({ path, depth, manifest, attributes: entry })
  }

  async #makeDirectory(path: Buffer): Promise<void> {
    try {
      await mkdir(path, { mode: 0o700 })
    } catch (error) {
      if (systemCodeOf(error) !== 'EEXIST') throw error
      const there = await lstatIfThere(path)
      // A link to a directory would lead the entries elsewhere.
      if (!this.#overwrite || there?.isDirectory() !== true) throw targetExists(path)
      await chmod(path, 0o700)
    }
  }

  async #restoreNode(path: Buffer, entry: TreeEntry): Promise<void> {
    const { kind } = entry
    switch (kind.case) {
      case 'symlink':
        return await this.#restoreLink(path, kind.value, entry.mtimeNs)
      case 'block':
        return await this.#restoreFile(
          path,
          entry,
          oneSpan({ ...parseSpan(kind.value), offsetBytes: 0 }),
        )
      case 'file':
        return await this.#restoreFile(path, entry, this.#spansOf(parseSpan(kind.value)))
      case 'empty':
        return await this.#restoreFile(path, entry, noSpans())
      default:
        throw new KuraError('format-too-new', 'a tree manifest has an entry of an unknown kind', {
          hint: 'read it with a newer client',
        })
    }
  }

  async #restoreFile(
    path: Buffer,
    attributes: RootAttributes,
    spans: AsyncIterable<PlacedSpan>,
  ): Promise<void> {
    const transfer = { tracker: this.#tracker, signal: this.#tasks.signal }
    const fill = (file: FileHandle): Promise<void> =>
      writeSpans(this.#workspace, { file, spans }, transfer)
    await writeNewFile({ path, overwrite: this.#overwrite, attributes }, fill)
    this.#counts.files += 1
    this.#tracker.fileDone()
  }

  async *#spansOf(span: {
    readonly hash: string
    readonly sizeBytes: number
  }): AsyncGenerator<PlacedSpan> {
    const { blocks } = this.#workspace
    const { signal } = this.#tasks
    const manifest = await readFileManifest(blocks, `kura:file:${span.hash}`, signal)
    if (Number(manifest.sizeBytes) !== span.sizeBytes) {
      throw new KuraError('format-invalid', 'a file manifest is not what its entry says', {
        details: { hash: span.hash },
      })
    }
    const range = { fromBytes: 0, toBytes: span.sizeBytes }
    yield* walkFile(blocks, { manifest, range }, signal)
  }

  async #restoreLink(path: Buffer, target: Uint8Array, mtimeNs: bigint): Promise<void> {
    if (this.#overwrite) await removeFile(path)
    try {
      await symlink(Buffer.from(target), path)
    } catch (error) {
      throw systemCodeOf(error) === 'EEXIST' ? targetExists(path) : error
    }
    const seconds = secondsOf(mtimeNs)
    await lutimes(path, seconds, seconds)
    this.#counts.symlinks += 1
  }
}

async function* oneSpan(span: PlacedSpan): AsyncGenerator<PlacedSpan> {
  yield await Promise.resolve(span)
}

async function* noSpans(): AsyncGenerator<PlacedSpan> {
  // An empty file has no content to fetch.
}
