/** What gRPC says by itself, without a word of the peer: a status and no trailer. */
import type { RpcFailure } from '@kura/rpc'

const DEADLINE_EXCEEDED = 4
const UNAVAILABLE = 14

export function deadlineExceeded(): RpcFailure {
  return bareStatus(DEADLINE_EXCEEDED, 'deadline exceeded')
}

export function unreachable(): RpcFailure {
  return bareStatus(UNAVAILABLE, 'nobody answers')
}

function bareStatus(code: number, details: string): RpcFailure {
  return Object.assign(new Error(details), { code, details, metadata: undefined as never })
}
