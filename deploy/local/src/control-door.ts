/**
 * Where `kura prove` asks the launcher to cut the power of a disk: a socket in the zone's folder
 * that only its owner can open. One line `cut NAME` in, one line of JSON out.
 */
import { chmod, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { KuraError, toKuraError } from '@kura/core'
import type { PowerCut } from './power-cut-disks.ts'

/** Of a socket's name, as the kernel has it. */
const PATH_BYTES_MAX = 107

export class ControlDoor implements AsyncDisposable {
  readonly #server: Server
  readonly #path: string
  readonly #sockets = new Set<Socket>()

  private constructor(server: Server, path: string) {
    this.#server = server
    this.#path = path
  }

  /** Throws `invalid-argument` where the path is too long for a socket. */
  static async listen(
    path: string,
    cut: (name: string) => Promise<PowerCut>,
  ): Promise<ControlDoor> {
    if (Buffer.byteLength(path) > PATH_BYTES_MAX) {
      throw new KuraError('invalid-argument', `${path} is too long for a socket`, {
        hint: 'choose a folder with a shorter name with --data',
      })
    }
    await rm(path, { force: true })
    const server = createServer()
    const door = new ControlDoor(server, path)
    server.on('connection', (socket) => door.#serve(socket, cut))
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.once('error', reject)
    server.listen(path, resolve)
    await promise
    await chmod(path, 0o600)
    return door
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#server.close(() => resolve())
    await promise
    await rm(this.#path, { force: true })
  }

  #serve(socket: Socket, cut: (name: string) => Promise<PowerCut>): void {
    this.#sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => this.#sockets.delete(socket))
    createInterface({ input: socket }).on('line', (line) => {
      void answer(line, cut).then((said) => socket.write(`${JSON.stringify(said)}\n`))
    })
  }
}

async function answer(line: string, cut: (name: string) => Promise<PowerCut>): Promise<object> {
  const name = /^cut (\S+)$/.exec(line)?.[1]
  if (name === undefined) return { error: 'a line is: cut NAME' }
  try {
    return await cut(name)
  } catch (error) {
    const { message, code } = toKuraError(error)
    return { error: `${message} (${code})` }
  }
}
