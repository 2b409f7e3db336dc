import { expect, it } from 'vitest'
import { planZones } from './plan-loads.ts'

const rowsOf = (extent: 'full' | 'quick') => planZones(extent).flatMap(({ rows }) => rows)

it('the full extent has every size, number of clients and door, put and get', () => {
  const names = rowsOf('full').map(({ row }) => row)
  for (const operation of ['put', 'get']) {
    for (const size of ['4 MiB', '1 MiB', '64 KiB', '4 KiB']) {
      for (const clients of [1, 4, 16, 64]) {
        for (const door of ['client', 'http', 'grpc']) {
          expect(names).toContain(`${operation} ${size} × ${clients} ${door}`)
        }
      }
      expect(names).toContain(`${operation} ${size} × 16 autocannon`)
    }
  }
})

it('no two rows have one name, and the quick extent knows no others', () => {
  const names = rowsOf('full').map(({ row }) => row)
  expect(new Set(names).size).toBe(names.length)
  for (const { row } of rowsOf('quick')) expect(names).toContain(row)
})

it('every row of the matrix of the full extent is measured for ten seconds or more', () => {
  const matrix = rowsOf('full').filter(({ row }) => / (client|http|grpc)$/.test(row))
  expect(matrix).toHaveLength(96)
  for (const { load } of matrix) {
    expect(load.seconds).toBeGreaterThanOrEqual(10)
    expect(load.warmUpSeconds).toBeGreaterThanOrEqual(2)
  }
})

it('a node is killed only in a zone that has no other row', () => {
  const killing = planZones('full').filter(({ rows }) =>
    rows.some(({ kill }) => kill !== undefined),
  )
  expect(killing.map(({ rows }) => rows.length)).toEqual([1, 1])
})
