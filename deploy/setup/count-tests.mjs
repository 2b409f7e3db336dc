/** What a report of vitest amounts to. */

/**
 * Counts `outcome`, vitest's JSON report. A test that says what the machine lacks for it is listed
 * as not tried, and counts as failed where `requireFaults`; a test that is skipped for any other
 * reason has failed, and so has a suite without tests.
 */
export function countTests(name, outcome, { isSuccess, requireFaults, describeFile }) {
  const tests = outcome.testResults.flatMap((file) =>
    file.assertionResults.map((test) => ({ ...test, title: titleOf(name, file, test) })),
  )
  const passed = tests.filter(({ status }) => status === 'passed').length
  const untried = tests.filter((test) => !requireFaults && isNotTried(test))
  const broken = tests.filter((test) => test.status !== 'passed' && !untried.includes(test))
  const reasons = broken.map((test) => `${test.title}: ${reasonOf(test)}`)
  const notTried = untried.map((test) => `${test.title}: ${test.meta.notTried}`)
  if (tests.length === 0) reasons.push(`${name}: ran no test`)
  else if (!isSuccess && broken.length === 0) reasons.push(`${name}: failed outside its tests`)
  return { passed, failed: reasons.length, reasons, notTried }

  function titleOf(suite, file, test) {
    return `${suite}: ${describeFile(file.name)} > ${test.fullName}`
  }
}

function isNotTried({ status, meta }) {
  return status === 'skipped' && typeof meta?.notTried === 'string'
}

function reasonOf({ status, meta, failureMessages }) {
  const [reason = ''] = (failureMessages?.[0] ?? meta?.notTried ?? status).split('\n')
  return reason
}
