import { expect, it } from 'vitest'
import type { PartContext } from '../part.ts'
import type { Sample } from '../results/sample.ts'
import { measureRow } from './micro.ts'

function listen(): { readonly context: PartContext; readonly kept: Sample[] } {
  const kept: Sample[] = []
  const context: PartContext = {
    isQuick: true,
    cacheFolder: '',
    profileFolder: undefined,
    wants: () => true,
    keep: (sample) => void kept.push(sample),
    skip: () => undefined,
    tell: () => undefined,
  }
  return { context, kept }
}

const ROW = { row: 'some row', system: 'machine', run: 2, sizeBytes: 10, seconds: 600 } as const

it('a row ends when as many operations were done as there is room for', async () => {
  const { context, kept } = listen()
  let done = 0
  const operate = async (): Promise<void> => void (done += 1)
  await measureRow(context, { ...ROW, operates: [operate, operate], operationsMax: 20 })
  expect(done).toBe(20)
  expect(kept).toMatchObject([{ part: 'micro', run: 2, operations: 20, bytes: 200 }])
})

it('an operation that fails ends the row, and nothing is kept', async () => {
  const { context, kept } = listen()
  const operates = [() => Promise.reject(new Error('it broke'))]
  await expect(measureRow(context, { ...ROW, operates })).rejects.toThrow('it broke')
  expect(kept).toEqual([])
})
