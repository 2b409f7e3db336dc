/**
 * Goal: an application needs npm and nothing of this repository. The tarball is built twice (it
 * must be the same), installed into an empty project, type-checked there, and its example run
 * against a zone of real processes.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startScenarioZone, type ScenarioZone } from '../support/scenario-zone.ts'

const run = promisify(execFile)
const repository = resolve(import.meta.dirname, '../..')

let scenario: ScenarioZone
let folder: string

beforeAll(async () => {
  scenario = await startScenarioZone()
  folder = await mkdtemp(join(tmpdir(), 'kura-package-'))
})

afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
  await scenario[Symbol.asyncDispose]()
})

async function buildTarball(into: string): Promise<string> {
  const script = join(repository, 'packages/client/build-package.mjs')
  const { stdout } = await run(process.execPath, [script, join(folder, into)])
  return stdout.trim()
}

async function digest(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
}

it('the client installs into an empty project with npm alone and runs its example', async () => {
  const tarball = await buildTarball('first')
  expect(await digest(await buildTarball('second'))).toBe(await digest(tarball))

  const manifest = { name: 'application', private: true, type: 'module' }
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest))
  const { block, pocket } = scenario.zone.endpoints
  const env = { ...process.env, KURA_SERVER: block, KURA_POCKET: pocket }
  await run('npm', ['install', '--no-audit', '--no-fund', tarball], {
    cwd: folder,
    env,
    timeout: 120_000,
  })

  const example = 'node_modules/@kura/client/examples/put-and-get.mjs'
  const { stdout } = await run(process.execPath, [example], { cwd: folder, env })
  expect(stdout).toMatch(/^block [0-9a-f]{64} in zone a: hello from /)
  expect(stdout).toMatch(/kura:file:[0-9a-f]{64}: \d+ bytes\n$/)
})

it('the declarations of the installed package stand by themselves', async () => {
  await writeFile(
    join(folder, 'application.ts'),
    `import { KuraClient, isKuraError, type PutReceipt } from '@kura/client'
const client = new KuraClient({ servers: ['127.0.0.1:1'], pocket: 'local' })
export const receipt: Promise<PutReceipt> = client.put(Buffer.from('typed'))
export const isFinal = (error: unknown): boolean => isKuraError(error) && !error.retryable
// @ts-expect-error a server is text
export const wrong = new KuraClient({ servers: [1], pocket: 'local' })
`,
  )
  const compiler = join(repository, 'node_modules/typescript/bin/tsc')
  const options = ['--strict', '--noEmit', '--module', 'nodenext', '--target', 'es2024']
  await run(process.execPath, [compiler, ...options, 'application.ts'], { cwd: folder })
})
