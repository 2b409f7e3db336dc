/** For the test of `count-tests.mjs`; nothing else sees its types. */
export interface TestCount {
  readonly passed: number
  readonly failed: number
  readonly reasons: readonly string[]
  readonly notTried: readonly string[]
}

export function countTests(
  name: string,
  outcome: object,
  options: {
    readonly isSuccess: boolean
    readonly requireFaults: boolean
    readonly describeFile: (path: string) => string
  },
): TestCount
