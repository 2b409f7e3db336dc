import { describe, expect, test } from 'vitest'
import { Kernel } from '../kernel/kernel.ts'
import { Obedience } from './obedience.ts'

const kernel = new Kernel({ seed: 1, eventsMax: 1, virtualMsMax: 1 })
const scope = kernel.newScope('storage-node-1')
const freeze = (epoch: bigint) => ({ scope, method: 'freezeExtent', epoch })
const build = (epoch: bigint) => ({ scope, method: 'buildExtent', epoch })

describe('obedience', () => {
  test('an order that arrives behind a newer one must not be obeyed', () => {
    const obedience = new Obedience()
    obedience.arrives(freeze(2n))()
    expect(obedience.violation).toBeUndefined()
    obedience.arrives(freeze(1n))()
    expect(obedience.violation).toBe('storage-node-1 obeyed freezeExtent of epoch 1 after epoch 2')
  })

  test('an order that a newer one overtakes may be obeyed, but for a build', () => {
    const obedience = new Obedience()
    const [freezeIsDone, buildIsDone] = [freeze(1n), build(1n)].map((one) => obedience.arrives(one))
    obedience.arrives(freeze(2n))()
    freezeIsDone?.()
    expect(obedience.violation).toBeUndefined()
    buildIsDone?.()
    expect(obedience.violation).toBe('storage-node-1 obeyed buildExtent of epoch 1 after epoch 2')
  })

  test('another process has another memory', () => {
    const obedience = new Obedience()
    obedience.arrives(freeze(2n))()
    obedience.arrives({ ...freeze(1n), scope: kernel.newScope('storage-node-1') })()
    expect(obedience.violation).toBeUndefined()
  })
})
