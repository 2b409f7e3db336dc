import { once } from 'node:events'
import type { Message } from '@bufbuild/protobuf'
import type { ServerWritableStream } from '@grpc/grpc-js'

/**
 * Sends every message of `messages` with back-pressure. When `signal` aborts, the source is told to
 * return, without waiting for it, and the reason is thrown.
 */
export async function sendStream(
  messages: AsyncIterable<object>,
  call: ServerWritableStream<Message, object>,
  signal: AbortSignal,
): Promise<void> {
  const iterator = messages[Symbol.asyncIterator]()
  const aborted = rejectionOf(signal)
  try {
    for (;;) {
      const result = await Promise.race([iterator.next(), aborted.promise])
      if (result.done === true) return
      if (!call.write(result.value)) {
        await Promise.race([once(call, 'drain', { signal }), aborted.promise])
      }
    }
  } catch (error) {
    // A source that waits for something returns only when that comes; it must not hold the call.
    iterator.return?.().catch(() => undefined)
    throw error
  } finally {
    aborted.forget()
  }
}

function rejectionOf(signal: AbortSignal): { promise: Promise<never>; forget: () => void } {
  const { promise, reject } = Promise.withResolvers<never>()
  promise.catch(() => undefined)
  const onAbort = (): void => reject(signal.reason)
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  return { promise, forget: () => signal.removeEventListener('abort', onAbort) }
}
