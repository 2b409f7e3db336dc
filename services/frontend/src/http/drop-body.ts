/**
 * What becomes of the rest of an upload that was refused. The answer is out, but many callers read
 * it only after they have sent everything, and a connection that is closed with bytes unread is
 * reset: the caller would lose the answer and see a broken pipe. So the rest is read and dropped,
 * within limits.
 */
import type { IncomingMessage } from 'node:http'
import type { Clock } from '@kura/core'
import { HTTP_DROPPED_BYTES_MAX, HTTP_LINGER_IDLE_MS, HTTP_LINGER_MS_MAX } from '../limits.ts'
import { freePiece } from './free-piece.ts'

/** Resolves when the body has ended, stands still, or has had its limit of bytes or time. */
export async function dropBody(request: IncomingMessage, clock: Clock): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  let droppedBytes = 0
  let bytesAtCheck = -1
  let cancelIdleTimer = (): void => undefined
  const done = (): void => resolve(undefined)
  const onData = (chunk: Buffer): void => {
    droppedBytes += chunk.length
    freePiece(chunk)
    if (droppedBytes > HTTP_DROPPED_BYTES_MAX) done()
  }
  const watch = (): void => {
    if (droppedBytes === bytesAtCheck) done()
    bytesAtCheck = droppedBytes
    cancelIdleTimer = clock.schedule(HTTP_LINGER_IDLE_MS, watch)
  }
  const cancelTimer = clock.schedule(HTTP_LINGER_MS_MAX, done)
  request.on('data', onData).once('end', done).once('close', done)
  request.on('error', () => undefined)
  watch()
  await promise
  request.off('data', onData).off('end', done).off('close', done)
  cancelTimer()
  cancelIdleTimer()
}
