/** One vitest project as a suite with a count. A suite that ran no test has failed. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'

import { countTests } from './count-tests.mjs'
import { root } from './layout.mjs'
import { describeToolchain } from './toolchain.mjs'

const reports = join(root, '.cache/test')

export function runSuite(name) {
  mkdirSync(reports, { recursive: true })
  const report = join(reports, `${name}.json`)
  rmSync(report, { force: true })
  const { node, env } = describeToolchain()
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const args = [vitest, 'run', '--project', name, '--passWithNoTests=false', ...reporters]
  const result = spawnSync(node, args, { cwd: root, env, stdio: 'inherit' })
  const isSuccess = result.status === 0
  if (!existsSync(report)) {
    return { passed: 0, failed: 1, reasons: [`${name}: left no report`], notTried: [] }
  }
  return countTests(name, JSON.parse(readFileSync(report, 'utf8')), {
    isSuccess,
    requireFaults: process.env.REQUIRE_FAULTS === '1',
    describeFile: (path) => relative(root, path),
  })
}
