/** The files of the repository, as git knows them: committed, or new and not ignored. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'

export const repositoryRoot = resolve(import.meta.dirname, '../..')

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024

/** Paths relative to the root. Generated code is not ours to keep tidy. */
export const files: readonly string[] = execFileSync(
  'git',
  ['ls-files', '-z', '--cached', '--others', '--exclude-standard'],
  { cwd: repositoryRoot, encoding: 'utf8', maxBuffer: OUTPUT_BYTES_MAX },
)
  .split('\0')
  .filter((path) => path !== '' && !path.startsWith('proto/gen/'))
  .filter((path) => existsSync(join(repositoryRoot, path)))

export function filesMatching(pattern: RegExp): readonly string[] {
  return files.filter((path) => pattern.test(path))
}

export function readText(path: string): string {
  return readFileSync(join(repositoryRoot, path), 'utf8')
}

export function sizeOf(path: string): number {
  return statSync(join(repositoryRoot, path)).size
}

export function modeOf(path: string): number {
  return statSync(join(repositoryRoot, path)).mode
}

export interface Manifest {
  readonly name: string
  readonly description?: string
  readonly private?: boolean
}

export function readManifest(folder: string): Manifest {
  const manifest: Manifest = JSON.parse(readText(`${folder}/package.json`))
  return manifest
}

/** Folders of the workspace's packages, without the root. */
export const workspaceFolders: readonly string[] = filesMatching(/.\/package\.json$/)
  .map((path) => path.replace('/package.json', ''))
  .filter((folder) => !folder.startsWith('deploy/setup') && !folder.startsWith('test/'))

/** `storage-node` for `StorageNode` or `storage_node`. */
export function kebab(name: string): string {
  return name
    .replaceAll('_', '-')
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
}
