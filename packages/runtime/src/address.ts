import type { Server } from 'node:net'
import { KuraError } from '@kura/core'

export interface HostAndPort {
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
}

const ADDRESS_PATTERN = /^(?:\[(?<six>[0-9a-fA-F:.]+)\]|(?<host>[^\s:]+)):(?<port>\d{1,5})$/
const PORT_MAX = 65_535

/** Parses `host:port` or `[v6]:port`. Throws `invalid-argument`. */
export function parseAddress(text: string): HostAndPort {
  const groups = ADDRESS_PATTERN.exec(text)?.groups
  const host = groups?.['six'] ?? groups?.['host']
  const port = Number(groups?.['port'])
  if (host === undefined || !(port <= PORT_MAX)) {
    throw new KuraError('invalid-argument', 'an address is host:port', {
      details: { given: text.slice(0, 80) },
    })
  }
  return { host, port }
}

export function formatAddress(address: HostAndPort): string {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  return `${host}:${address.port}`
}

/**
 * Binds a server; answers the real `host:port`. Throws `port-taken` where another process listens.
 */
export async function listenOn(server: Server, address: string): Promise<string> {
  const { host, port } = parseAddress(address)
  const { promise, resolve, reject } = Promise.withResolvers<undefined>()
  const onError = (error: Error): void => reject(describeListenError(error, address))
  server.once('error', onError)
  server.listen(port, host, () => resolve(undefined))
  await promise
  server.off('error', onError)
  const bound = server.address()
  const boundPort = typeof bound === 'object' && bound !== null ? bound.port : port
  return formatAddress({ host, port: boundPort })
}

function describeListenError(error: Error, address: string): Error {
  const code = 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') {
    return new KuraError('port-taken', `another process listens on ${address}`, {
      cause: error,
      hint: 'stop it, or choose another address',
    })
  }
  return new KuraError('setting-invalid', `cannot listen on ${address}: ${error.message}`, {
    cause: error,
    hint: 'choose an address of this machine and a port that this user may bind',
  })
}
