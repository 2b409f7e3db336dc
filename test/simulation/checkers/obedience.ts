/**
 * Whether storage nodes obey the newest leader only, as seen from outside: an order that arrives
 * after one of a higher epoch was answered must be refused by the same process. A build publishes
 * at its end, so that it must not even be answered after that.
 */
import type { ProcessScope } from '../kernel/process-scope.ts'

export interface OrderSeen {
  readonly scope: ProcessScope
  /** verbNoun */
  readonly method: string
  readonly epoch: bigint
}

export class Obedience {
  readonly #highest = new Map<ProcessScope, bigint>()
  #violation: string | undefined

  /** The first order that was obeyed and should not have been. */
  get violation(): string | undefined {
    return this.#violation
  }

  /** An order arrives. Answers what is to be called when it has been obeyed. */
  arrives({ scope, method, epoch }: OrderSeen): () => void {
    const knownBefore = this.#highest.get(scope) ?? 0n
    return () => {
      const known = this.#highest.get(scope) ?? 0n
      const newest = method === 'buildExtent' ? known : knownBefore
      if (epoch < newest) {
        this.#violation ??= `${scope.name} obeyed ${method} of epoch ${epoch} after epoch ${newest}`
      }
      if (epoch > known) this.#highest.set(scope, epoch)
    }
  }
}
