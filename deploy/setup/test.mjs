/**
 * `npm test` and `npm run test:long`: every suite, its minutes, and one last line with the sum. All
 * suites run, also after a failure, so that one look shows everything.
 */
import { runChecks } from './checks.mjs'
import { runSuite } from './suite.mjs'

const SUITES = {
  short: {
    check: runChecks,
    unit: () => runSuite('unit'),
    readme: () => runSuite('readme'),
    scenarios: () => runSuite('scenarios'),
    crash: () => runSuite('crash'),
    faults: () => runSuite('faults'),
    simulation: () => runSuite('simulation'),
  },
  long: {
    long: () => runSuite('long'),
    states: () => runSuite('states'),
    lives: () => runSuite('lives'),
  },
}

const suites = SUITES[process.argv[2] ?? 'short']
if (suites === undefined) throw new Error(`one of: ${Object.keys(SUITES).join(', ')}`)

const rows = []
for (const [name, run] of Object.entries(suites)) {
  process.stdout.write(`\n── ${name} ──\n`)
  const startedAt = process.hrtime.bigint()
  const result = run()
  const minutes = Number(process.hrtime.bigint() - startedAt) / 60e9
  rows.push({ name, minutes, ...result })
}

process.stdout.write('\n')
for (const { name, minutes, passed, failed } of rows) {
  const figures = `${minutes.toFixed(2).padStart(6)} min ${String(passed).padStart(5)} passed`
  process.stdout.write(`${name.padEnd(10)} ${figures} ${String(failed).padStart(4)} failed\n`)
}
const notTried = rows.flatMap((row) => row.notTried ?? [])
if (notTried.length > 0) {
  process.stdout.write(`\nnot tried, because this machine cannot (${notTried.length} tests):\n`)
  for (const line of notTried) process.stdout.write(`  ${line}\n`)
}
// By name at the very end, so that the tail of a long output says what failed.
for (const { reasons } of rows) {
  for (const reason of reasons) process.stdout.write(`failed: ${reason}\n`)
}
const passed = rows.reduce((sum, row) => sum + row.passed, 0)
const failed = rows.reduce((sum, row) => sum + row.failed, 0)
process.stdout.write(`${passed} passed, ${failed} failed\n`)
process.exit(failed === 0 && passed > 0 ? 0 : 1)
