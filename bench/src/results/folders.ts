/** Where the bench works, and where it leaves what it found. */
import { join, resolve } from 'node:path'

export const REPOSITORY = resolve(import.meta.dirname, '../../..')
export const CACHE = join(REPOSITORY, '.cache')
export const RESULTS = join(REPOSITORY, 'bench/results')
