/** One vitest project as a suite with a count. A suite that ran no test has failed. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'

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
  return count(name, { report, isSuccess: result.status === 0 })
}

/** Skipped tests count as failed: nothing here is skipped on purpose. */
function count(name, { report, isSuccess }) {
  if (!existsSync(report)) return refuse(name, 'left no report', { passed: 0, failed: 0 })
  const outcome = JSON.parse(readFileSync(report, 'utf8'))
  const passed = outcome.numPassedTests
  const failed = outcome.numTotalTests - passed
  const reasons = listFailures(name, outcome)
  if (outcome.numTotalTests === 0) return refuse(name, 'ran no test', { passed, failed })
  if (!isSuccess && failed === 0)
    return refuse(name, 'failed outside its tests', { passed, failed })
  return { passed, failed, reasons }
}

/** One line for each test that did not pass: where it is, its name, why. */
function listFailures(name, outcome) {
  return outcome.testResults.flatMap((file) => {
    const tests = file.assertionResults.filter(({ status }) => status !== 'passed')
    return tests.map((test) => {
      const [reason = test.status] = (test.failureMessages?.[0] ?? test.status).split('\n')
      return `${name}: ${relative(root, file.name)} > ${test.fullName}: ${reason}`
    })
  })
}

function refuse(name, reason, { passed, failed }) {
  return { passed, failed: failed + 1, reasons: [`${name}: ${reason}`] }
}
