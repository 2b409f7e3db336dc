import { expect, it } from 'vitest'
import { BLOCK_SIZE_BYTES_MAX } from './limits.ts'
import { SlabPool, SMALL_SLAB_PAYLOAD_BYTES } from './slab-pool.ts'

const patience = { signal: new AbortController().signal }

function smallPool(): SlabPool {
  return new SlabPool({ largeCount: 2, smallCount: 1, waitersMax: 1 })
}

it('a slab has one header page and room for a whole block, page-aligned', async () => {
  const slab = await smallPool().reserve(BLOCK_SIZE_BYTES_MAX, patience)
  expect(slab.payload.length).toBe(BLOCK_SIZE_BYTES_MAX)
  expect(slab.bytes.byteOffset % 4096).toBe(0)
})

it('a slab returns only when its last holder has released it', async () => {
  const pool = smallPool()
  const slab = await pool.reserve(1, patience)
  slab.retain()
  slab.release()
  expect(pool.usedCount).toBe(1)
  slab.release()
  expect(pool.usedCount).toBe(0)
  expect(() => slab.release()).toThrow('once per holder')
})

it('who asked is told once when a slab is back in its pool', async () => {
  const pool = smallPool()
  const usedCounts: number[] = []
  for (let round = 0; round < 2; round += 1) {
    const slab = await pool.reserve(1, patience)
    if (round === 0) slab.whenFree(() => usedCounts.push(pool.usedCount))
    slab.retain()
    slab.release()
    expect(usedCounts.length).toBe(round)
    slab.release()
  }
  expect(usedCounts).toEqual([0])
})

it('small payloads fall back on large slabs, never the reverse', async () => {
  const pool = smallPool()
  const first = await pool.reserve(1, patience)
  const second = await pool.reserve(1, patience)
  expect(first.slabClass).toBe('small')
  expect(second.slabClass).toBe('large')
  second.release()
  const [large] = await pool.reserveAll([SMALL_SLAB_PAYLOAD_BYTES + 1], patience)
  expect(large?.slabClass).toBe('large')
})

it('an operation takes all its slabs at once and waits holding none', async () => {
  const pool = smallPool()
  const one = await pool.reserve(BLOCK_SIZE_BYTES_MAX, patience)
  const waiting = pool.reserveAll([BLOCK_SIZE_BYTES_MAX, BLOCK_SIZE_BYTES_MAX], patience)
  expect(pool.usedCount).toBe(1)
  one.release()
  expect((await waiting).length).toBe(2)
})

it('the line is bounded and served in order', async () => {
  const pool = smallPool()
  const all = await pool.reserveAll([BLOCK_SIZE_BYTES_MAX, BLOCK_SIZE_BYTES_MAX, 1], patience)
  const waiting = pool.reserve(1, patience)
  await expect(pool.reserve(1, patience)).rejects.toMatchObject({ code: 'overloaded' })
  for (const slab of all) slab.release()
  expect((await waiting).payload.length).toBeGreaterThan(0)
})

it('an aborted wait leaves the line and lets the next one through', async () => {
  const pool = new SlabPool({ largeCount: 2, smallCount: 0, waitersMax: 2 })
  const one = await pool.reserve(1, patience)
  const abort = new AbortController()
  const both = pool.reserveAll([1, 1], { signal: abort.signal })
  const single = pool.reserve(1, patience)
  abort.abort(new Error('the caller went away'))
  await expect(both).rejects.toThrow('the caller went away')
  expect((await single).slabClass).toBe('large')
  expect(pool.waiterCount).toBe(0)
  one.release()
})
