/** Where `--target` points the load. */
import { KuraError } from '@kura/core'
import type { LoadEndpoints } from './load/load.ts'

const FORMS = 'kura://POCKET@HOST:PORT, http://HOST:PORT or grpc://HOST:PORT'

/** Throws `invalid-argument`. */
export function parseTarget(text: string): LoadEndpoints {
  const match = /^(kura|http|grpc):\/\/(?:([^@/]+)@)?([^@/]+:\d+)\/?$/.exec(text)
  const [, scheme, pocket, address] = match ?? []
  if (address === undefined) throw invalid(`"${text}" is no place to measure`)
  if (scheme === 'http') return { http: address }
  if (scheme === 'grpc') return { grpc: address }
  if (pocket === undefined) throw invalid('the client library wants the id of the pocket')
  return { pocket, block: address }
}

function invalid(message: string): KuraError {
  return new KuraError('invalid-argument', message, { hint: `give ${FORMS}` })
}
