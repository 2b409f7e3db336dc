/**
 * Where the programs of the services are: `dist` of each, in the tree that this file is part of.
 */
import { resolve } from 'node:path'

export const repositoryRoot = resolve(import.meta.dirname, '../../..')

/** The program of a service, e.g. of `storage-node`. */
export function programOf(kind: string): string {
  return resolve(repositoryRoot, 'services', kind, 'dist/main.js')
}
