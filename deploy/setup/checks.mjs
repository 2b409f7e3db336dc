/**
 * The gate that needs no running zone: compiler, lint, format, layers, unused code, generated code
 * and the tidy tests. Each step prints its seconds; all of them run, whatever the first one says.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { root } from './layout.mjs'
import { describeToolchain } from './toolchain.mjs'
import { runSuite } from './suite.mjs'

const { env } = describeToolchain()
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024

const STEPS = [
  ['tsc -b', () => tool('tsc', '-b')],
  ['tsc tests', () => tool('tsc', '-p', 'tsconfig.test.json')],
  ['eslint', () => tool('eslint', '.', '--max-warnings=0')],
  ['prettier', () => tool('prettier', '--check', '--log-level=warn', '.')],
  ['depcruise', checkLayers],
  ['knip', () => tool('knip', '--no-config-hints', '--no-progress')],
  ['proto lint', () => tool('buf', 'lint', 'proto')],
  ['proto/gen', checkGenerated],
]

/** Runs every step and the tidy tests; the result counts each step as one. */
export function runChecks() {
  let passed = 0
  const reasons = []
  for (const [name, step] of STEPS) {
    const startedAt = process.hrtime.bigint()
    const problem = step()
    const seconds = Number(process.hrtime.bigint() - startedAt) / 1e9
    const verdict = problem === undefined ? 'ok' : 'FAILED'
    process.stdout.write(
      `check: ${name.padEnd(12)} ${seconds.toFixed(1).padStart(5)} s  ${verdict}\n`,
    )
    if (problem === undefined) passed += 1
    else {
      reasons.push(`check: ${name}`)
      process.stdout.write(`${problem.trimEnd()}\n`)
    }
  }
  const tidy = runSuite('tidy')
  return {
    passed: passed + tidy.passed,
    failed: reasons.length + tidy.failed,
    reasons: [...reasons, ...tidy.reasons],
  }
}

/** Runs a tool; returns its output when it fails, undefined when it is content. */
function tool(name, ...args) {
  const result = run(name, args)
  return result.status === 0 ? undefined : result.output
}

function run(name, args, options = {}) {
  const result = spawnSync(join(root, 'node_modules/.bin', name), args, {
    cwd: root,
    env,
    encoding: 'utf8',
    maxBuffer: OUTPUT_BYTES_MAX,
    ...options,
  })
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`
  return { status: result.status, stdout: result.stdout ?? '', output }
}

/** A cruise that saw nothing would be content, too. */
function checkLayers() {
  const folders = ['packages', 'services', 'proto', 'deploy', 'bench', 'test']
  const result = run('depcruise', [...folders, '--output-type', 'err'])
  if (result.status !== 0) return result.output
  const cruised = Number(/\((\d+) modules/.exec(result.output)?.[1] ?? 0)
  return cruised > 0 ? undefined : `no module was cruised\n${result.output}`
}

/** Generates into a temporary folder and compares; the generated code is committed. */
function checkGenerated() {
  const fresh = mkdtempSync(join(tmpdir(), 'kura-gen-'))
  try {
    const result = run('buf', ['generate', '--output', fresh], { cwd: join(root, 'proto') })
    if (result.status !== 0) return result.output
    const stale = listDifferences(join(fresh, 'gen'), join(root, 'proto/gen'))
    if (stale.length === 0) return undefined
    return `proto/gen is stale (run \`pnpm gen\`):\n  ${stale.join('\n  ')}`
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}

function listDifferences(left, right) {
  const [leftFiles, rightFiles] = [listFiles(left), listFiles(right)]
  const names = new Set([...leftFiles, ...rightFiles])
  return [...names].filter((name) => {
    if (!leftFiles.includes(name) || !rightFiles.includes(name)) return true
    return !readFileSync(join(left, name)).equals(readFileSync(join(right, name)))
  })
}

function listFiles(folder, prefix = '') {
  return readdirSync(join(folder, prefix), { withFileTypes: true }).flatMap((entry) => {
    const path = join(prefix, entry.name)
    return entry.isDirectory() ? listFiles(folder, path) : [path]
  })
}
