/**
 * When a connection of the gRPC door ends. One that serves no call is closed after a while, however
 * many bytes come: half a header, one byte at a time, is no call, and neither is a ping. One with
 * calls under way is closed only where its caller is dead.
 */
import type { ServerHttp2Session } from 'node:http2'
import type { Clock } from '@kura/core'
import { GRPC_CLOSE_MS_MAX, HTTP_IDLE_TIMEOUT_MS } from '../limits.ts'

export function watchSession(session: ServerHttp2Session, clock: Clock): void {
  let callCount = 0
  let cancelTimer = (): void => undefined
  const end = (): void => {
    session.close()
    // A caller who reads nothing, or is in the middle of a header, would keep it open.
    cancelTimer = clock.schedule(GRPC_CLOSE_MS_MAX, () => session.destroy())
  }
  const waitForCall = (): void => {
    cancelTimer = clock.schedule(HTTP_IDLE_TIMEOUT_MS, end)
  }
  session.on('stream', (stream) => {
    cancelTimer()
    callCount += 1
    stream.once('close', () => {
      callCount -= 1
      if (callCount === 0 && !session.destroyed) waitForCall()
    })
  })
  session.once('close', () => cancelTimer())
  waitForCall()
  pingWhenSilent(session)
}

/** Calls may be silent for long, for a watch has little to tell; a caller that lives answers. */
function pingWhenSilent(session: ServerHttp2Session): void {
  let isPinging = false
  session.setTimeout(HTTP_IDLE_TIMEOUT_MS, () => {
    if (isPinging) session.destroy()
    else {
      isPinging = session.ping(() => (isPinging = false))
      session.setTimeout(HTTP_IDLE_TIMEOUT_MS)
    }
  })
}
