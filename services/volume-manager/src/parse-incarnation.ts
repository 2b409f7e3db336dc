import { KuraError, type Incarnation } from '@kura/core'

const NUMBER_MAX = 255
const RANDOM_PATTERN = /^[0-9a-f]{16}$/

/** Throws `invalid-argument`. */
export function parseIncarnation(message: Incarnation | undefined): Incarnation {
  const { number = 0, random = '' } = message ?? {}
  if (number >= 1 && number <= NUMBER_MAX && RANDOM_PATTERN.test(random)) return { number, random }
  throw new KuraError('invalid-argument', 'an incarnation is 1 to 255 and 16 hex digits', {
    details: { number, random: random.slice(0, 80) },
  })
}
