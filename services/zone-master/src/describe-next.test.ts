import { create } from '@bufbuild/protobuf'
import { ExamineRecordResponseSchema, ExtentEntrySchema, VolumeEntrySchema } from '@kura/proto'
import { expect, it } from 'vitest'
import { describeNext, type ExaminedCopy } from './describe-next.ts'

const row = { bucketId: 9n, sizeBytes: 100, plainCrc: 5 }

function volume(state: string) {
  return create(VolumeEntrySchema, { volumeId: 7n, bucketId: 9n, state })
}

function copy(changes: object = {}, extentState = 'in-force'): ExaminedCopy {
  return {
    extent: create(ExtentEntrySchema, { extentId: 42n, diskUuid: 'd', state: extentState }),
    examination: create(ExamineRecordResponseSchema, {
      state: 'ok',
      sizeBytes: 100,
      plainCrc: 5,
      ...changes,
    }),
  }
}

function silent(errorCode: string): ExaminedCopy {
  return { extent: copy().extent, errorCode }
}

function next(
  copies: readonly ExaminedCopy[],
  state = 'closed',
  disks = [{ diskUuid: 'd', state: 'in-service' }],
): string[] {
  return describeNext({ live: true, row, volume: volume(state), disks, copies })
}

it('nothing happens to three good copies', () => {
  expect(next([copy(), copy(), copy()])).toEqual(['nothing: three good copies'])
  expect(next([copy(), copy(), copy()], 'open')).toEqual(['nothing: three good copies'])
})

it('a volume that is being closed says so', () => {
  const [only] = next([copy(), copy(), copy()], 'closing')
  expect(only).toContain('volume 7 is closing')
})

it('a damaged copy is passed over, and replaced once its volume is closed', () => {
  const copies = [copy(), copy({ state: 'damaged', part: 'payload' }), copy()]
  expect(next(copies)).toEqual([
    'two good copies are left of three: gets go on',
    'copy 2 is damaged (payload): reads pass it over; repair replaces the copy',
  ])
  expect(next(copies, 'open')[1]).toBe(
    'copy 2 is damaged (payload): reads pass it over; ' +
      'a put writes it anew at a frontend where a get met the damage',
  )
})

it('a copy that was damaged before is not trusted, although it reads well now', () => {
  const sentences = next([copy({ state: 'distrusted' }), copy(), copy()])
  expect(sentences[0]).toBe('two good copies are left of three: gets go on')
  expect(sentences[1]).toContain('copy 1 reads well now but was damaged before')
})

it('damaged padding does not make a copy bad', () => {
  const [only, ...others] = next([copy({ state: 'damaged', part: 'padding' }), copy(), copy()])
  expect(only).toContain('copy 1 has damaged padding')
  expect(others).toEqual([])
})

it('a silent disk is waited for, and then repaired without', () => {
  const sentences = next([silent('unavailable'), copy(), copy()])
  expect(sentences).toContain(
    'disk d is silent: repair copies elsewhere in time, or at kura disk lost',
  )
  const open = next([silent('unavailable'), copy(), copy()], 'open')
  expect(open).toContain('volume 7 is closed without disk d')
  expect(next([silent('disk-error'), copy(), copy()])[1]).toContain('could not tell (disk-error)')
})

it('a copy on a lost disk is replaced, also where it reads well', () => {
  const lost = [{ diskUuid: 'd', state: 'lost' }]
  const expected = 'copy 1 is on a disk that an operator declared lost: repair replaces the copy'
  expect(next([copy(), silent('unavailable')], 'closed', lost)).toContain(expected)
  const [, closing] = next([copy()], 'closing', lost)
  expect(closing).toContain('closing the volume goes on without it')
})

it('a copy that lacks the record gets it when the volume closes, or is replaced', () => {
  const copies = [copy({ state: 'record-unknown' }), copy(), copy()]
  expect(next(copies, 'closing')[1]).toContain('closing the volume puts it there')
  expect(next(copies)[1]).toContain('repair replaces the copy')
})

it('another block in the place of this one is no good copy', () => {
  expect(next([copy({ plainCrc: 6 }), copy(), copy()])).toEqual([
    'two good copies are left of three: gets go on',
    'copy 1 has another size or CRC than the block index: reads pass it over',
  ])
})

it('copies out of force do not count', () => {
  const sentences = next([copy(), copy(), copy({}, 'source')])
  expect(sentences[0]).toBe('two good copies are left of three: gets go on')
  expect(sentences[1]).toContain('copy 3 is out of force and kept as a source')
})

it('without any good copy gets fail, and it says so first', () => {
  expect(next([silent('unavailable')])[0]).toMatch(/^no good copy was found: gets fail/)
})

it('a block that is not live, or whose bucket the table lacks, is put anew', () => {
  const known = { row, volume: undefined, disks: [], copies: [] }
  expect(describeNext({ ...known, live: false })[0]).toContain('not live')
  expect(describeNext({ ...known, live: true })[0]).toContain('bucket 9 is not in the')
})
