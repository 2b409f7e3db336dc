/** Byte streams over TCP. */
import { connect, createServer, type Server } from 'node:net'
import { assert, KuraError } from '@kura/core'
import { formatAddress, parseAddress } from './address.ts'
import { adoptSocket } from './adopt-socket.ts'
import type { AcceptedSocket, SocketListener, SocketNetwork } from './socket-network.ts'

export const tcpNetwork: SocketNetwork = {
  connect: (to) => connect(to),
  listen: async (address, onConnection) => {
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      const accepted: AcceptedSocket = {
        open: (onread) => adoptSocket(socket, onread),
        refuse: () => socket.destroy(),
      }
      onConnection(accepted)
    })
    return await listenOn(server, address)
  },
}

function listenOn(server: Server, address: string): Promise<SocketListener> {
  const { host, port } = parseAddress(address)
  return new Promise((resolve, reject) => {
    // Stays for good: a connection that could not be accepted later is no reason to die.
    server.on('error', (error: NodeJS.ErrnoException) => {
      const code = error.code === 'EADDRINUSE' ? 'port-taken' : 'unavailable'
      reject(new KuraError(code, `cannot listen on ${address}`, { cause: error }))
    })
    server.listen(port, host, () => {
      const bound = server.address()
      assert(bound !== null && typeof bound === 'object', 'a TCP listener has an address')
      resolve({ address: formatAddress(host, bound.port), close: () => server.close() })
    })
  })
}
