/**
 * When a connection of the gRPC door ends. One that serves no call is closed after a while, however
 * many bytes come: half a header, one byte at a time, is no call, and neither is a ping. One with
 * calls under way is closed only where its caller is dead.
 */
import type { Clock } from '@kura/core'
import { GRPC_CLOSE_MS_MAX, HTTP_IDLE_TIMEOUT_MS } from '../limits.ts'
import type { GrpcConnection } from './grpc-connection.ts'

export function watchSession(connection: GrpcConnection, clock: Clock): void {
  const { session } = connection
  let callCount = 0
  let cancelTimer = (): void => undefined
  const end = (): void => {
    session.close()
    // A caller who reads nothing, or is in the middle of a header, would keep it open.
    cancelTimer = clock.schedule(GRPC_CLOSE_MS_MAX, () => connection.drop())
  }
  const waitForCall = (): void => {
    cancelTimer = clock.schedule(HTTP_IDLE_TIMEOUT_MS, end)
  }
  session.on('stream', (stream) => {
    cancelTimer()
    callCount += 1
    stream.once('close', () => {
      callCount -= 1
      // Also of a session that node destroyed: its socket may be full, and would stay.
      if (callCount === 0) waitForCall()
    })
  })
  session.once('close', () => cancelTimer())
  waitForCall()
  pingWhenSilent(connection)
}

/** Calls may be silent for long, for a watch has little to tell; a caller that lives answers. */
function pingWhenSilent(connection: GrpcConnection): void {
  const { session } = connection
  let isPinging = false
  session.setTimeout(HTTP_IDLE_TIMEOUT_MS, () => {
    if (isPinging) connection.drop()
    else {
      isPinging = session.ping(() => (isPinging = false))
      session.setTimeout(HTTP_IDLE_TIMEOUT_MS)
    }
  })
}
