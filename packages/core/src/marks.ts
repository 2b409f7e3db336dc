/**
 * Named points on the durable paths, published on `node:diagnostics_channel`: free without a
 * subscriber, tracing in production, crash points in tests. The list is closed: a mark that is not
 * here does not compile.
 */
import { channel } from 'node:diagnostics_channel'

export const MARKS = [
  'extent.create.file',
  'extent.create.durable',
  'extent.append.queued',
  'extent.append.before-write',
  'extent.append.after-write',
  'extent.append.after-sync',
  'extent.freeze.before-mark',
  'extent.freeze.after-mark',
  'extent.seal.before-index',
  'extent.seal.after-index',
  'extent.seal.after-first-sync',
  'extent.seal.after-cut',
  'extent.seal.durable',
  'extent.publish.before-link',
  'extent.publish.after-link',
  'extent.publish.after-directory-sync',
  'extent.publish.durable',
  'extent.recovery.before-scan',
  'extent.recovery.after-sync',
  'extent.recovery.done',
  'disk.epoch.before',
  'disk.epoch.durable',
  'index.commit.before',
  'index.commit.after',
  'index.gate.created',
  'database.replace.filled',
  'database.replace.before',
  'database.replace.aside',
  'database.replace.published',
  'table.volume.creating',
  'table.volume.open',
  'table.volume.closing',
  'table.volume.closed',
  'close.frozen',
  'close.collected',
  'close.completed',
  'close.sealed',
  'table.repair.begun',
  'table.repair.done',
  'repair.collected',
  'repair.built',
  'put.admitted',
  'put.picked',
  'put.written',
  'put.recorded',
  'put.acknowledged',
] as const

export type Mark = (typeof MARKS)[number]

const channels = new Map(MARKS.map((name) => [name, channel(`kura:${name}`)]))

/** Publishes a mark. Synchronous: a subscriber may end the process here. */
export function mark(name: Mark, fields?: Readonly<Record<string, unknown>>): void {
  const target = channels.get(name)
  if (target?.hasSubscribers === true) target.publish(fields)
}
