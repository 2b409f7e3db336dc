/**
 * Writes to a socket in steps, so that a peer that does not read is noticed: each step must be
 * taken by the kernel within its time. Buffers are handed over by view, never copied.
 */
import { KuraError, type Clock } from '@kura/core'
import { WRITE_STEP_BYTES, WRITE_STEP_TIMEOUT_MS } from './limits.ts'
import type { ByteSocket } from './socket-network.ts'

/**
 * Resolves when the kernel has taken all bytes. Rejects when the socket is gone; no I/O touches
 * the pieces after that either.
 */
export async function writeInSteps(
  socket: ByteSocket,
  pieces: readonly Uint8Array[],
  clock: Clock,
): Promise<void> {
  for (const step of cutIntoSteps(pieces)) await writeStep(socket, step, clock)
}

/** Cuts at step borders, keeping small neighbours together so that they leave in one `writev`. */
function* cutIntoSteps(pieces: readonly Uint8Array[]): Generator<Uint8Array[]> {
  let step: Uint8Array[] = []
  let roomBytes = WRITE_STEP_BYTES
  for (const piece of pieces) {
    let offsetBytes = 0
    while (offsetBytes < piece.length) {
      const part = piece.subarray(offsetBytes, offsetBytes + roomBytes)
      step.push(part)
      offsetBytes += part.length
      roomBytes -= part.length
      if (roomBytes > 0) continue
      yield step
      step = []
      roomBytes = WRITE_STEP_BYTES
    }
  }
  if (step.length > 0) yield step
}

function writeStep(socket: ByteSocket, step: readonly Uint8Array[], clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancelTimer = clock.schedule(WRITE_STEP_TIMEOUT_MS, () => {
      socket.destroy(new KuraError('deadline-exceeded', 'the peer does not read'))
    })
    // A closed socket has no write in flight: only then are the pieces free again.
    const onClose = (): void => {
      cancelTimer()
      reject(new KuraError('unavailable', 'the connection closed during a write'))
    }
    if (socket.closed) {
      onClose()
      return
    }
    socket.once('close', onClose)
    socket.cork()
    step.forEach((piece, index) => {
      if (index < step.length - 1) socket.write(piece)
      else
        socket.write(piece, (error) => {
          if (error !== null && error !== undefined) return
          cancelTimer()
          socket.off('close', onClose)
          resolve()
        })
    })
    socket.uncork()
  })
}
