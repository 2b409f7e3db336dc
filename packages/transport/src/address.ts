/** `host:port`, with IPv6 hosts in brackets. */
import { KuraError } from '@kura/core'

const ADDRESS_PATTERN = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/
const PORT_MAX = 65_535

export function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const match = ADDRESS_PATTERN.exec(address)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host === undefined || !(port <= PORT_MAX)) {
    throw new KuraError('invalid-argument', 'an address is host:port', {
      details: { given: address.slice(0, 100) },
    })
  }
  return { host, port }
}

export function formatAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
