import { randomBytes } from 'node:crypto'
import type { Random } from '@kura/core'

/** Chance as the machine gives it: `next` is fast and guessable, `bytes` is not. */
export class SystemRandom implements Random {
  next(): number {
    return Math.random()
  }

  bytes(count: number): Buffer {
    return randomBytes(count)
  }
}
