/**
 * An accepted socket that reads into memory we choose. `net.connect` offers `onread` for that;
 * `net.Server` does not, and its default of a fresh 64 KiB buffer for each read costs more
 * processor time than all the rest of receiving a block. So the handle of the accepted socket is
 * given to a new one. This file is the only place that knows of `_handle`.
 */
import { Socket, type OnReadOpts, type SocketConstructorOpts } from 'node:net'
import { assert } from '@kura/core'

/** REQUIRES: the socket was accepted with `pauseOnConnect` and not used yet. */
export function adoptSocket(accepted: Socket, onread: OnReadOpts): Socket {
  const handle: unknown = Reflect.get(accepted, '_handle')
  assert(typeof handle === 'object' && handle !== null, 'an accepted socket has a handle')
  // Without its handle the shell closes without touching the connection.
  Reflect.set(accepted, '_handle', null)
  accepted.destroy()
  const options: SocketConstructorOpts = { onread, readable: true, writable: true }
  Reflect.set(options, 'handle', handle)
  return new Socket(options)
}
