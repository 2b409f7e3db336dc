/** What a proof asks a launcher and its processes: a power cut, and whether one is ready. */
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { KuraError, type Clock } from '@kura/core'
import { LAUNCHER_TIMEOUT_MS, READY_TIMEOUT_MS } from './limits.ts'

/**
 * Has the launcher cut the power of a node's disk. Answers whether bytes that nobody had synced are
 * gone. Throws `unavailable` with the launcher's reason.
 */
export async function cutPower(
  control: string,
  name: string,
  clock: Clock,
): Promise<{ readonly isUnsyncedGone: boolean }> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const fail = (reason: string): void => reject(new KuraError('unavailable', reason))
  const socket = connect(control, () => socket.write(`cut ${name}\n`))
  const cancelTimer = clock.schedule(LAUNCHER_TIMEOUT_MS, () => fail('the launcher is silent'))
  socket.once('error', (error) => fail(`the launcher cannot be asked: ${error.message}`))
  socket.once('close', () => fail('the launcher went away'))
  createInterface({ input: socket }).once('line', resolve)
  try {
    const said: unknown = JSON.parse(await promise)
    const fields = new Map(Object.entries(said ?? {}))
    const error = fields.get('error')
    if (typeof error === 'string') throw new KuraError('unavailable', error)
    return { isUnsyncedGone: fields.get('isUnsyncedGone') === true }
  } finally {
    cancelTimer()
    socket.destroy()
  }
}

/** Whether `/readyz` of a process says so. */
export async function isReady(adminAddress: string, clock: Clock): Promise<boolean> {
  const patience = new AbortController()
  const cancelTimer = clock.schedule(READY_TIMEOUT_MS, () => patience.abort())
  try {
    return (await fetch(`http://${adminAddress}/readyz`, { signal: patience.signal })).ok
  } catch {
    return false
  } finally {
    cancelTimer()
  }
}
