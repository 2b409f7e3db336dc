import { assert } from '@kura/core'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** Stands before the block listener of a node and keeps its callers waiting until `release`. */
export class SlowSource {
  readonly #server: Server
  readonly #sockets: Socket[] = []
  readonly #released = Promise.withResolvers<undefined>()
  #awaited: { readonly count: number; readonly resolve: () => void } | undefined

  private constructor(target: string) {
    const [host = '', port = ''] = target.split(':')
    this.#server = createServer((caller) => {
      this.#sockets.push(caller)
      caller.on('error', () => caller.destroy())
      this.#tell()
      void this.#released.promise.then(() => {
        const node = connect(Number(port), host)
        this.#sockets.push(node)
        node.on('error', () => caller.destroy())
        caller.pipe(node).pipe(caller)
      })
    })
  }

  static async listen(target: string): Promise<SlowSource> {
    const source = new SlowSource(target)
    await new Promise<void>((resolve) => source.#server.listen(0, '127.0.0.1', resolve))
    return source
  }

  get address(): string {
    const address = this.#server.address()
    assert(typeof address === 'object' && address !== null, 'a source listens on a port')
    return `127.0.0.1:${String(address.port)}`
  }

  /** Resolves when so many callers wait. */
  async reached(count: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#awaited = { count, resolve }
      this.#tell()
    })
  }

  release(): void {
    this.#released.resolve(undefined)
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #tell(): void {
    if (this.#awaited !== undefined && this.#sockets.length >= this.#awaited.count) {
      this.#awaited.resolve()
    }
  }
}
