/** Global setup of the suites that hurt the machine: says once what it can do. */
import type { TestProject } from 'vitest/node'
import { describeCapabilities, probeCapabilities, type CapabilityReport } from './capabilities.ts'

declare module 'vitest' {
  interface ProvidedContext {
    readonly capabilities: CapabilityReport
  }
}

export async function setup(project: TestProject): Promise<void> {
  const report = await probeCapabilities()
  process.stdout.write(`${describeCapabilities(report)}\n`)
  project.provide('capabilities', report)
}
