import { toKuraError } from './errors.ts'

/**
 * As `work` ends; throws the reason of `signal` once that aborts. What the work then comes to is
 * dropped; `onLeave` is called first.
 */
export async function untilLeft<T>(
  signal: AbortSignal,
  work: Promise<T>,
  onLeave?: () => void,
): Promise<T> {
  const { promise: left, reject } = Promise.withResolvers<never>()
  const leave = (): void => {
    onLeave?.()
    reject(toKuraError(signal.reason, 'cancelled'))
  }
  signal.addEventListener('abort', leave, { once: true })
  try {
    return await Promise.race([work, left])
  } finally {
    signal.removeEventListener('abort', leave)
  }
}
