/** What counts as passed, as failed and as not tried, where `npm test` adds up its suites. */
import { expect, test } from 'vitest'
import { countTests } from '../../deploy/setup/count-tests.mjs'

const PASSED = { fullName: 'keeps bytes', status: 'passed', meta: {} }
const FAILED = { fullName: 'loses', status: 'failed', failureMessages: ['lost\n at'], meta: {} }
const SKIPPED = { fullName: 'was skipped', status: 'skipped', meta: {} }
const LACKING = { fullName: 'cuts power', status: 'skipped', meta: { notTried: 'no xfs (why)' } }

function count(
  tests: readonly object[],
  options: { readonly isSuccess?: boolean; readonly requireFaults?: boolean } = {},
) {
  const outcome = { testResults: [{ name: '/root/a.test.ts', assertionResults: tests }] }
  return countTests('suite', outcome, {
    isSuccess: options.isSuccess ?? true,
    requireFaults: options.requireFaults ?? false,
    describeFile: (path) => path.replace('/root/', ''),
  })
}

test('a test that says what the machine lacks is listed and has not failed', () => {
  const notTried = ['suite: a.test.ts > cuts power: no xfs (why)']
  expect(count([PASSED, LACKING])).toEqual({ passed: 1, failed: 0, reasons: [], notTried })
})

test('where faults are required, a test that was not tried has failed', () => {
  const reasons = ['suite: a.test.ts > cuts power: no xfs (why)']
  const counted = count([PASSED, LACKING], { requireFaults: true })
  expect(counted).toEqual({ passed: 1, failed: 1, reasons, notTried: [] })
})

test('a test that was skipped without such a reason has failed', () => {
  const reasons = ['suite: a.test.ts > was skipped: skipped']
  expect(count([PASSED, SKIPPED])).toEqual({ passed: 1, failed: 1, reasons, notTried: [] })
})

test('a failed test is named with the first line of its reason', () => {
  const reasons = ['suite: a.test.ts > loses: lost']
  expect(count([FAILED], { isSuccess: false })).toMatchObject({ passed: 0, failed: 1, reasons })
})

test('a suite without tests, or one that broke outside of them, has failed', () => {
  expect(count([])).toMatchObject({ passed: 0, failed: 1, reasons: ['suite: ran no test'] })
  const reasons = ['suite: failed outside its tests']
  expect(count([PASSED], { isSuccess: false })).toMatchObject({ passed: 1, failed: 1, reasons })
})
