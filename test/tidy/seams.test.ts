/** Every seam rule is shown a planted violation, and every layer rule a planted import. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { ESLint } from 'eslint'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { filesMatching, readText, repositoryRoot } from './repository.ts'

/** Rules as `eslint.config.js` has them, without types: the seams need none. */
async function lintAsFile(path: string, code: string): Promise<string[]> {
  const eslint = new ESLint({
    cwd: repositoryRoot,
    ruleFilter: ({ ruleId }) => ruleId.startsWith('seams/'),
    overrideConfig: { languageOptions: { parserOptions: { project: null } } },
  })
  const [result] = await eslint.lintText(code, { filePath: join(repositoryRoot, path) })
  return (result?.messages ?? []).map((message) => message.ruleId ?? message.message)
}

const PLACE = 'services/storage-node/src/workers/planted.ts'

describe('the seams', () => {
  test.each([
    ['time', 'export const now = Date.now()'],
    ['time', 'export const now = new Date()'],
    ['time', 'const { now } = Date\nexport { now }'],
    ['time', 'setTimeout(() => undefined, 5)'],
    ['time', "import { setTimeout as sleep } from 'node:timers/promises'\nawait sleep(5)"],
    ['time', 'export const start = performance.now()'],
    ['time', 'export const start = process.hrtime.bigint()'],
    ['time', 'export const signal = AbortSignal.timeout(5)'],
    ['chance', 'export const dice = Math.random()'],
    ['chance', "import { randomUUID } from 'node:crypto'\nexport const id = randomUUID()"],
    ['chance', 'export const id = crypto.randomUUID()'],
    ['settings', "export const home = process.env['HOME']"],
    ['settings', 'const { env } = process\nexport { env }'],
    ['files', "import { readFile } from 'node:fs/promises'\nexport { readFile }"],
    ['files', "export { readFileSync } from 'fs'"],
    ['files', "export const fs = await import('node:fs')"],
    ['network', "import { connect } from 'node:net'\nexport { connect }"],
    ['network', "export const page = await fetch('http://127.0.0.1')"],
    ['processes', "import { spawn } from 'node:child_process'\nexport { spawn }"],
    ['time', 'export const age = process.uptime()'],
    ['time', "import { uptime } from 'node:os'\nexport { uptime }"],
    ['time', 'export const today = new Intl.DateTimeFormat().format()'],
    ['time', 'export const now = Temporal.Now.instant()'],
    ['time', 'Atomics.wait(new Int32Array(4), 0, 0, 5)'],
    ['time', 'setImmediate(() => undefined)'],
    ['time', "import { performance } from 'node:perf_hooks'\nexport { performance }"],
    ['chance', "import { 'randomUUID' as id } from 'node:crypto'\nexport { id }"],
    ['chance', "export { randomBytes } from 'node:crypto'"],
    ['chance', "import { createECDH } from 'node:crypto'\nexport { createECDH }"],
    ['chance', 'const { random } = Math\nexport { random }'],
    ['files', "import { DatabaseSync } from 'node:sqlite'\nexport { DatabaseSync }"],
    ['files', "import { flock } from 'fs-ext'\nexport { flock }"],
    ['network', "import { request } from 'node:http'\nexport { request }"],
    ['network', "import { createServer } from 'node:http2'\nexport { createServer }"],
    ['network', "import { open } from 'node:inspector'\nexport { open }"],
    ['network', "import client from 'node:_http_client'\nexport { client }"],
    ['network', "export const events = new EventSource('http://127.0.0.1')"],
    ['processes', "import { Worker } from 'node:worker_threads'\nexport { Worker }"],
    ['marks', "import { channel } from 'node:diagnostics_channel'\nexport { channel }"],
    ['modules', "export const fs = process.getBuiltinModule('node:fs')"],
    ['modules', "import { createRequire } from 'node:module'\nexport { createRequire }"],
    ['modules', 'export const fs = await import(`node:fs`)'],
    ['modules', "const name = 'node:' + 'fs'\nexport const fs = await import(name)"],
    ['modules', "import { runInThisContext } from 'node:vm'\nexport { runInThisContext }"],
    ['modules', "export const now = eval('Date.now()')"],
    ['modules', "export const now = new Function('return Date.now()')"],
  ])('%s is refused outside its owners: %s', async (seam, code) => {
    expect(await lintAsFile(PLACE, code)).toContain(`seams/${seam}`)
  })

  test.each([
    ['packages/runtime/src/system-clock.ts', 'export const now = Date.now()'],
    ['packages/runtime/src/system-random.ts', 'export const dice = Math.random()'],
    ['packages/runtime/src/program.ts', 'export const env = process.env'],
    [
      'packages/transport/src/socket-reader.ts',
      "import { connect } from 'node:net'\nexport { connect }",
    ],
    [PLACE, 'export const then = new Date(0)\nexport const top = Math.max(1, 2)'],
    [PLACE, "import type { Stats } from 'node:fs'\nexport type { Stats }"],
    [PLACE, "import { createHash } from 'node:crypto'\nexport { createHash }"],
    [PLACE, "import { availableParallelism } from 'node:os'\nexport { availableParallelism }"],
    [PLACE, "export const { core } = await import('./core.ts')\nexport * from './core.ts'"],
    ['packages/core/src/marks.ts', "export { channel } from 'node:diagnostics_channel'"],
    ['services/storage-node/src/workers/planted.test.ts', 'export const now = Date.now()'],
  ])('%s may: %s', async (path, code) => {
    expect(await lintAsFile(path, code)).toEqual([])
  })
})

/** Where the real ports are made. Everything else is given them. */
const COMPOSITION_ROOTS =
  /^services\/([^/]+)\/src\/(main|initialise|commands|\1)\.ts$|^packages\/(client|cli)\/src\//
/** They measure or lock the very machine, whatever a test puts in place of it. */
const OWN_CLOCK = ['packages/runtime/src/heap-trimmer.ts', 'packages/runtime/src/metrics.ts']
const MADE = /new System(Clock|Random)\(|(NodeDisk|DirectoryCoordinator)\.open\(/

describe('the ports', () => {
  const programs = filesMatching(/^(packages|services)\/.*\/src\/.*\.ts$/).filter(
    (path) => !/\.test\.ts$|\/testing\/|^packages\/testkit\//.test(path),
  )

  test('are made at the composition roots alone, where overrides take their place', () => {
    const makers = programs.filter((path) => MADE.test(readText(path)))
    expect(makers.length).toBeGreaterThan(4)
    const elsewhere = makers.filter((path) => !COMPOSITION_ROOTS.test(path))
    expect(elsewhere).toEqual(OWN_CLOCK)
  })

  test('are gone around nowhere by a comment, except for a turn of the loop', () => {
    const excused = programs.filter((path) => /eslint-disable.*seams\//.test(readText(path)))
    expect(excused).toEqual(['packages/core/src/yield-to-loop.ts'])
  })
})

/** A small tree with the folders of the real one, and the real rules. */
const PLANTED: Readonly<Record<string, string>> = {
  'packages/core/src/index.ts': 'export const core = 1\n',
  'packages/core/src/upward.ts': "export { rpc } from '../../rpc/src/index.ts'\n",
  'packages/rpc/src/index.ts': "import '../../core/src/index.ts'\nexport const rpc = 1\n",
  'packages/rpc/src/deep.ts': "export { inner } from '../../core/src/inner.ts'\n",
  'packages/core/src/inner.ts': 'export const inner = 1\n',
  'packages/core/src/circle-a.ts': "import { b } from './circle-b.ts'\nexport const a = b\n",
  'packages/core/src/circle-b.ts': "import { a } from './circle-a.ts'\nexport const b = a\n",
  'packages/core/src/lost.ts': "import './nowhere.ts'\n",
  'packages/testkit/src/index.ts': 'export const kit = 1\n',
  'packages/placement/src/index.ts': "export { kit } from '../../testkit/src/index.ts'\n",
  'packages/unknown/src/index.ts': "import '../../core/src/index.ts'\n",
  'services/frontend/src/index.ts': "import '../../block-index/src/index.ts'\n",
  'services/block-index/src/index.ts': 'export const index = 1\n',
  'services/zone-master/src/index.ts': "import '../../../packages/extent/src/index.ts'\n",
  'packages/extent/src/index.ts': 'export const extent = 1\n',
  'packages/extent/src/borrowed.ts': "export { check } from '../../extent-check/src/index.ts'\n",
  'packages/extent-check/src/index.ts': 'export const check = 1\n',
  'packages/extent-check/src/borrowed.ts': "export { extent } from '../../extent/src/index.ts'\n",
  'services/storage-node/src/index.ts': "import '../../../packages/extent/src/index.ts'\n",
}

describe('the layers', () => {
  let folder = ''
  let violations: readonly { readonly rule: string; readonly from: string }[] = []

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'kura-layers-'))
    for (const [path, code] of Object.entries(PLANTED)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), code)
    }
    writeFileSync(join(folder, 'tsconfig.test.json'), '{"compilerOptions":{"module":"nodenext"}}')
    symlinkSync(join(repositoryRoot, 'node_modules'), join(folder, 'node_modules'))
    violations = cruise(folder)
  })

  afterAll(() => rmSync(folder, { recursive: true }))

  test.each([
    ['layer-packages-core', 'packages/core/src/upward.ts'],
    ['layer-packages-extent', 'packages/extent/src/borrowed.ts'],
    ['layer-packages-extent-check', 'packages/extent-check/src/borrowed.ts'],
    ['layer-services-frontend', 'services/frontend/src/index.ts'],
    ['layer-services-zone-master', 'services/zone-master/src/index.ts'],
    ['no-services-sideways', 'services/frontend/src/index.ts'],
    ['by-name-only', 'packages/rpc/src/deep.ts'],
    ['no-cycles', 'packages/core/src/circle-a.ts'],
    ['not-resolved', 'packages/core/src/lost.ts'],
    ['no-row', 'packages/unknown/src/index.ts'],
    ['test-code-in-production', 'packages/placement/src/index.ts'],
  ])('%s catches %s', (rule, from) => {
    expect(violations).toContainEqual({ rule, from })
  })

  test.each(['packages/rpc/src/index.ts', 'services/storage-node/src/index.ts'])(
    'imports downwards are no violation: %s',
    (from) => {
      expect(violations.filter((violation) => violation.from === from)).toEqual([])
    },
  )
})

interface CruiseResult {
  readonly summary: {
    readonly violations: readonly {
      readonly from: string
      readonly rule: { readonly name: string }
    }[]
  }
}

function cruise(folder: string): { readonly rule: string; readonly from: string }[] {
  const config = join(repositoryRoot, '.dependency-cruiser.cjs')
  const program = join(repositoryRoot, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs')
  const args = [program, '--config', config, '--output-type', 'json', 'packages', 'services']
  const result: CruiseResult = JSON.parse(
    execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8' }),
  )
  return result.summary.violations.map(({ from, rule }) => ({ rule: rule.name, from }))
}
