import { expect, test } from 'vitest'
import { MessageHolds } from './message-holds.ts'

const SEAL = { from: 'manager', to: 'node', path: '/kura.v1.StorageNode/SealExtent' }

test('what is held goes on in its order when it is released', () => {
  const holds = new MessageHolds()
  const sent: string[] = []
  holds.pass(SEAL, () => sent.push('before'))
  const hold = holds.hold({ from: 'manager', to: 'node', method: 'SealExtent' })
  holds.pass(SEAL, () => sent.push('first'))
  holds.pass(SEAL, () => sent.push('second'))
  expect(sent).toEqual(['before'])
  expect(hold.count).toBe(2)
  hold.release()
  expect(sent).toEqual(['before', 'first', 'second'])
  holds.pass(SEAL, () => sent.push('after'))
  expect(sent.at(-1)).toBe('after')
})

test('other ways, other methods and answers pass', () => {
  const holds = new MessageHolds()
  const hold = holds.hold({ from: 'manager', to: 'node', method: 'SealExtent' })
  let sentCount = 0
  const send = (): void => void (sentCount += 1)
  holds.pass({ ...SEAL, to: 'other' }, send)
  holds.pass({ ...SEAL, path: '/kura.v1.StorageNode/FreezeExtent' }, send)
  holds.pass({ ...SEAL, from: 'node', to: 'manager' }, send)
  expect(sentCount).toBe(3)
  expect(hold.count).toBe(0)
})
