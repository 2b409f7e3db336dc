/** Where things are, for the set-up and the runners behind it. */
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')
export const toolchainFolder = join(root, '.toolchain')

/** From source: the tests are not built. */
const fromSource = ['--conditions=source']

/** What each command runs once set up. `whereCalled`: relative paths are the caller's. */
export const targets = {
  start: { file: 'deploy/local/dist/main.js', args: [] },
  test: { file: 'deploy/setup/test.mjs', args: ['short'] },
  'test:long': { file: 'deploy/setup/test.mjs', args: ['long'] },
  kura: { file: 'packages/cli/dist/main.js', args: [], whereCalled: true },
  bench: { file: 'bench/dist/main.js', args: [], whereCalled: true },
  simulate: {
    file: 'test/simulation/soak/simulate-program.ts',
    args: [],
    nodeArgs: fromSource,
    whereCalled: true,
  },
  soak: { file: 'test/simulation/soak/soak-program.ts', args: [], nodeArgs: fromSource },
}

/** The folders of all workspace packages, relative to the root; the root itself is `.`. */
export function workspaceFolders() {
  const nested = ['packages', 'services'].flatMap((parent) =>
    readdirSync(join(root, parent)).map((name) => `${parent}/${name}`),
  )
  return ['.', 'proto', ...nested.sort(), 'deploy/local', 'test', 'bench'].filter((folder) =>
    existsSync(join(root, folder, 'package.json')),
  )
}
