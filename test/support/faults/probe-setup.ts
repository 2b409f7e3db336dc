/**
 * Global setup of the suites that hurt the machine: removes what a killed run has left, and says
 * once what the machine can do.
 */
import type { TestProject } from 'vitest/node'
import { describeCapabilities, probeCapabilities, type CapabilityReport } from './capabilities.ts'
import { makeDeviceNodes } from './device-nodes.ts'
import { removeLeftovers } from './leftovers.ts'

declare module 'vitest' {
  interface ProvidedContext {
    readonly capabilities: CapabilityReport
  }
}

export async function setup(project: TestProject): Promise<void> {
  await tellLeftovers('of an earlier run')
  await makeDeviceNodes()
  const report = await probeCapabilities()
  process.stdout.write(`${describeCapabilities(report)}\n`)
  project.provide('capabilities', report)
}

export async function teardown(): Promise<void> {
  await tellLeftovers('of this run')
}

async function tellLeftovers(whose: string): Promise<void> {
  for (const path of await removeLeftovers()) {
    process.stdout.write(`removed what was left ${whose}: ${path}\n`)
  }
}
