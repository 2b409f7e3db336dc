/** `pnpm check`: the gate, without a running zone and without network. */
import { runChecks } from './checks.mjs'

const { passed, failed } = runChecks()
process.stdout.write(`${passed} passed, ${failed} failed\n`)
process.exit(failed === 0 ? 0 : 1)
