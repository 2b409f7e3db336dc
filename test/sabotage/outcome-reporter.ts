/**
 * A vitest reporter that writes what became of every test as JSON to the file that
 * KURA_SABOTAGE_OUTCOME names: the reporters of vitest leave out what caused an error.
 */
import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import type { SerializedError } from 'vitest'
import type { Reporter, TestModule } from 'vitest/node'
import { repositoryRoot } from './variant.ts'

export const OUTCOME_VARIABLE = 'KURA_SABOTAGE_OUTCOME'

export interface TestOutcome {
  readonly file: string
  readonly test: string
  readonly state: string
  readonly seconds: number
  /** The messages of its errors and of what caused them. */
  readonly says: string
}

export interface RunOutcome {
  readonly tests: readonly TestOutcome[]
  /** What went wrong outside of tests. */
  readonly otherErrors: readonly string[]
}

// Vitest wants a default export.
export default class OutcomeReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const path = process.env[OUTCOME_VARIABLE]
    if (path === undefined) throw new Error(`${OUTCOME_VARIABLE} names no file`)
    const moduleErrors = modules.flatMap((module) => module.errors())
    const outcome: RunOutcome = {
      tests: modules.flatMap(listTests),
      otherErrors: [...errors, ...moduleErrors].map(messagesOf),
    }
    writeFileSync(path, JSON.stringify(outcome))
  }
}

function listTests(module: TestModule): TestOutcome[] {
  const tests = [...module.children.allTests()].map((test) => ({ test, result: test.result() }))
  return tests
    .filter(({ result }) => result.state !== 'skipped')
    .map(({ test, result }) => ({
      file: relative(repositoryRoot, module.moduleId),
      test: test.fullName,
      state: result.state,
      seconds: (test.diagnostic()?.duration ?? 0) / 1000,
      says: (result.errors ?? []).map(messagesOf).join('\n'),
    }))
}

function messagesOf(error: { readonly message?: string; readonly cause?: unknown }): string {
  const { cause, message = '' } = error
  if (typeof cause !== 'object' || cause === null) return message
  return `${message}\n${messagesOf(cause)}`
}
