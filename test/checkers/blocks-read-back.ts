/**
 * I1, acknowledged is durable; I2, never wrong bytes; I3, unknown is unknown: checked on what a
 * reader of its own process found.
 */
import type { BlockHash } from '@kura/core'
import { expect } from 'vitest'
import type { ReadReport } from '../support/read-blocks.ts'

export function expectNothingLost(report: ReadReport, acknowledged: ReadonlySet<BlockHash>): void {
  const lost = report.missing.filter((hash) => acknowledged.has(hash as BlockHash))
  const unreadable = report.failed.filter((line) =>
    acknowledged.has(line.slice(0, 64) as BlockHash),
  )
  expect(lost, 'acknowledged blocks that the zone denies').toEqual([])
  expect(unreadable, 'acknowledged blocks that cannot be read').toEqual([])
}

export function expectNothingWrong(report: ReadReport): void {
  expect(report.wrong, 'blocks with wrong bytes').toEqual([])
}

/** A block of unknown outcome is there, whole, or is not there; no third answer. */
export function expectNoThirdAnswer(report: ReadReport): void {
  expect(report.failed, 'blocks that are neither there nor not').toEqual([])
}
