import { KuraError } from '@kura/core'

const TIMEOUT_PATTERN = /^(\d{1,8})([HMSmun])$/
const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
}

/** `grpc-timeout` in milliseconds, e.g. 1500 for `1500m`. Throws `invalid-argument`. */
export function parseTimeout(text: string): number {
  const [, count, unit = ''] = TIMEOUT_PATTERN.exec(text) ?? []
  const unitMs = UNIT_MS[unit]
  if (count === undefined || unitMs === undefined) {
    throw new KuraError('invalid-argument', 'grpc-timeout is up to 8 digits and one of HMSmun', {
      details: { given: text.slice(0, 80) },
    })
  }
  return Number(count) * unitMs
}
