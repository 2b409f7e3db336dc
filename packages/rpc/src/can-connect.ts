import { connect } from 'node:net'

/**
 * Whether somebody accepts connections at `host:port` within `timeoutMs`: a listener is there,
 * whichever protocol it speaks. Never throws.
 */
export async function canConnect(
  address: string,
  options: { readonly timeoutMs: number },
): Promise<boolean> {
  const cut = address.lastIndexOf(':')
  const port = Number(address.slice(cut + 1))
  if (cut < 1 || !Number.isInteger(port) || port < 1 || port > 65_535) return false
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect({ host: address.slice(0, cut), port })
  socket.setTimeout(options.timeoutMs, () => resolve(false))
  socket.once('connect', () => resolve(true))
  socket.once('error', () => resolve(false))
  const accepted = await promise
  socket.destroy()
  return accepted
}
