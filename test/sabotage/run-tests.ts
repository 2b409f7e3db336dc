/** Runs some tests in a vitest of their own, with a variant or with the product as it is. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OUTCOME_VARIABLE, type RunOutcome } from './outcome-reporter.ts'
import {
  ownTitle,
  repositoryRoot,
  VARIANT_VARIABLE,
  type Catcher,
  type Variant,
} from './variant.ts'

const VITEST = join(repositoryRoot, 'node_modules/vitest/vitest.mjs')
const OUTPUT_CHARACTERS_SHOWN = 4000

/** Throws where vitest did not get as far as to run tests. */
export async function runTests(
  tests: readonly Pick<Catcher, 'file' | 'test'>[],
  options: {
    readonly variant?: Variant
    readonly environment?: Readonly<Record<string, string>>
  } = {},
): Promise<RunOutcome> {
  const folder = mkdtempSync(join(tmpdir(), 'kura-sabotage-'))
  const outcomePath = join(folder, 'outcome.json')
  const files = new Set(tests.map(({ file }) => file))
  const names = tests.map((each) => ownTitle(each).replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  const args = [
    ...['run', '--config', 'test/sabotage/vitest.config.ts'],
    ...['--reporter', './test/sabotage/outcome-reporter.ts'],
    ...['--testNamePattern', names.join('|'), ...files],
  ]
  try {
    const output = await runVitest(args, {
      [OUTCOME_VARIABLE]: outcomePath,
      ...options.environment,
      [VARIANT_VARIABLE]: options.variant?.name,
      // A vitest at its end clears the place where others keep what they have transformed.
      TMPDIR: folder,
    })
    if (existsSync(outcomePath)) return JSON.parse(readFileSync(outcomePath, 'utf8')) as RunOutcome
    throw new Error(`vitest ran no test:\n${output.slice(-OUTPUT_CHARACTERS_SHOWN)}`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Everything it printed. */
async function runVitest(
  args: readonly string[],
  variables: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  // What the vitest around this one says to its tests is not for those of the inner one.
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST'))
  const child = spawn(process.execPath, [VITEST, ...args], {
    cwd: repositoryRoot,
    env: { ...Object.fromEntries(own), ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const pieces: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (piece: Buffer) => pieces.push(piece))
  }
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  child.once('error', reject).once('close', () => resolve())
  await promise
  return Buffer.concat(pieces).toString('utf8')
}
