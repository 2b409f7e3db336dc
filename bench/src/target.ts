/** Where `--target` points the load. */
import { KuraError } from '@kura/core'
import type { LoadEndpoints } from './load/load.ts'

const FORMS = 'kura://POCKET@HOST:PORT, http://HOST:PORT or grpc://HOST:PORT'
const PORT_MAX = 65_535

/** Throws `invalid-argument`. */
export function parseTarget(text: string): LoadEndpoints {
  const match = /^(kura|http|grpc):\/\/(?:([^@/]+)@)?([^@/]+:\d+)\/?$/.exec(text)
  const [, scheme, pocket, address] = match ?? []
  if (address === undefined || !hasPort(address)) throw invalid(`"${text}" is no place to measure`)
  if (scheme === 'http') return { http: address }
  if (scheme === 'grpc') return { grpc: address }
  if (pocket === undefined) throw invalid('the client library wants the id of the pocket')
  return { pocket, block: address }
}

function hasPort(address: string): boolean {
  const port = Number(address.slice(address.lastIndexOf(':') + 1))
  return port >= 1 && port <= PORT_MAX
}

function invalid(message: string): KuraError {
  return new KuraError('invalid-argument', message, { hint: `give ${FORMS}` })
}
