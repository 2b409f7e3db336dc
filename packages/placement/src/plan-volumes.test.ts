// Each case is a small picture of a cell: one line per volume, then what is to be done.
import { expect, test } from 'vitest'
import { parseDiskUuid, parseVolumeId, type DiskUuid } from '@kura/core'
import { SeededRandom } from '@kura/testkit'
import { planVolumes, type PlannedVolume, type PlanVolumesView } from './plan-volumes.ts'

const settings = { openVolumes: 4, openVolumesMax: 12, replaceAtFillPercent: 50 }

function uuidOf(number: number): DiskUuid {
  return parseDiskUuid(`00000000-0000-4000-8000-${String(number).padStart(12, '0')}`)
}

function cellOf(diskCount: number) {
  return Array.from({ length: diskCount }, (_, index) => ({
    diskUuid: uuidOf(index + 1),
    domains: { rack: `rack-${index + 1}`, power: '', vendor: '', firmware: '' },
    freeBytes: 1e12,
  }))
}

/** `1 open 30% on-456 frozen reported*2`; on disks 1, 2, 3, and every second one on 4, 5, 6. */
function volumeOf(line: string): PlannedVolume {
  const [id = '0', state, ...facts] = line.split(' ')
  const percent = facts.find((fact) => fact.endsWith('%'))
  const reported = facts.find((fact) => fact.startsWith('reported*'))
  const even = Number(id) % 2 === 0 ? '456' : '123'
  const disks = facts.find((fact) => fact.startsWith('on-'))?.slice(3) ?? even
  const first = facts.includes('lost') ? 'lost' : facts.includes('frozen') ? 'frozen' : 'writable'
  return {
    volumeId: parseVolumeId(Number(id)),
    state: state === 'creating' ? 'creating' : 'open',
    diskUuids: [...disks].map((digit) => uuidOf(Number(digit))),
    copies: [first, 'writable', 'writable'],
    capacityBytes: 100,
    usedBytes: Number(percent?.slice(0, -1) ?? 0),
    saidFull: facts.includes('said-full'),
    reporterCount: Number(reported?.split('*')[1] ?? 0),
  }
}

function plan(picture: string, given: Partial<PlanVolumesView> & { diskCount?: number } = {}) {
  const lines = picture.split('\n').map((line) => line.trim())
  const { create, close } = planVolumes(
    {
      volumes: lines.filter((line) => line !== '').map(volumeOf),
      disks: cellOf(given.diskCount ?? 6),
      recentReportCloses: given.recentReportCloses ?? 0,
      random: new SeededRandom(1),
    },
    settings,
  )
  return { create: create.length, close: close.map((it) => `${it.volumeId} ${it.reason}`) }
}

const FOUR_ROOMY = '1 open 10%\n2 open 20%\n3 open 30%\n4 open 40%'

test('an empty cell gets its four volumes', () => {
  expect(plan('')).toEqual({ create: 4, close: [] })
})

test('a cell with four roomy volumes is left alone', () => {
  expect(plan(FOUR_ROOMY)).toEqual({ create: 0, close: [] })
})

test('a cell of six racks whose volumes all share a disk gets one that stands apart', () => {
  const picture = '1 open on-123\n2 open on-345\n3 open on-135\n4 open on-235'
  expect(plan(picture)).toEqual({ create: 1, close: [] })
  expect(plan(`${picture}\n5 creating on-246`)).toEqual({ create: 0, close: [] })
  expect(plan(picture, { diskCount: 5 })).toEqual({ create: 0, close: [] })
})

test('volumes being created count already', () => {
  expect(plan('1 creating\n2 creating\n3 open 10%\n4 open 10%')).toEqual({ create: 0, close: [] })
})

test('a volume past the mark stays open and gets a successor', () => {
  expect(plan('1 open 50%\n2 open 20%\n3 open 30%\n4 open 40%')).toEqual({ create: 1, close: [] })
})

test('a full volume is closed only when its successor is open', () => {
  expect(plan('1 open 99%\n2 open 1%\n3 open 1%\n4 open 1%')).toEqual({ create: 1, close: [] })
  expect(plan('1 open 99%\n2 open 1%\n3 open 1%\n4 open 1%\n5 creating').close).toEqual([])
  expect(plan(`${FOUR_ROOMY}\n5 open 99%`)).toEqual({ create: 0, close: ['5 full'] })
})

test('where nothing can be placed a full volume stays open and a reported one is closed', () => {
  const picture = '1 open 99%\n2 open 1%\n3 open 1% reported*2'
  expect(plan(picture, { diskCount: 2 })).toEqual({ create: 0, close: ['3 reported'] })
})

test('a volume said to be full gets a successor at once, and is closed when it looks full', () => {
  expect(plan('1 open 10% said-full\n2 open 1%\n3 open 1%\n4 open 1%')).toEqual({
    create: 1,
    close: [],
  })
  expect(plan(`${FOUR_ROOMY}\n5 open 10% said-full`).close).toEqual([])
  expect(plan(`${FOUR_ROOMY}\n5 open 85% said-full`).close).toEqual(['5 full'])
})

test('volumes with a frozen or lost copy are closed at once and replaced beside that', () => {
  expect(plan('1 open 10% frozen\n2 open 20% lost\n3 open 30%\n4 open 40%')).toEqual({
    create: 2,
    close: ['1 copy-frozen', '2 copy-lost'],
  })
})

test('every ended volume is closed, however many', () => {
  const picture = [1, 2, 3, 4].map((id) => `${id} open 10% lost`).join('\n')
  expect(plan(picture).close).toHaveLength(4)
})

test('one frontend does not close a volume, however often it reports', () => {
  expect(plan(`${FOUR_ROOMY}\n5 open 10% reported*1`)).toEqual({ create: 0, close: [] })
})

test('two frontends get a volume replaced, then closed', () => {
  expect(plan('1 open 10% reported*2\n2 open 1%\n3 open 1%\n4 open 1%')).toEqual({
    create: 1,
    close: [],
  })
  expect(plan(`${FOUR_ROOMY}\n5 open 10% reported*2`).close).toEqual(['5 reported'])
})

test('reports close one volume a minute of a small cell, not all of them', () => {
  const picture = `${FOUR_ROOMY}\n5 open 1% reported*9\n6 open 1% reported*9\n7 open 1% reported*9`
  expect(plan(picture).close).toEqual(['5 reported'])
  expect(plan(picture, { recentReportCloses: 1 }).close).toEqual([])
})

test('the cell never has more open volumes than its limit; the fullest one makes way', () => {
  const filling = Array.from({ length: 11 }, (_, index) => `${index + 1} open ${60 + index}%`)
  expect(plan(filling.join('\n')).create).toBe(1)
  const atLimit = [...filling, '12 open 80%'].join('\n')
  expect(plan(atLimit)).toEqual({ create: 0, close: ['12 crowded'] })
  expect(plan(atLimit, { diskCount: 0 }).close).toEqual([])
})

test('at the limit full volumes make way first, and roomy ones keep the others open', () => {
  const filling = [1, 2, 3, 4, 5, 6, 7].map((id) => `${id} open 60%`)
  const roomy = '8 open 10%\n9 open 10%\n10 open 10%'
  const full = '11 open 90%\n12 open 95%'
  expect(plan([...filling, roomy, full].join('\n'))).toEqual({
    create: 0,
    close: ['12 full', '11 full'],
  })
  const noneFull = [...filling, roomy, '11 open 60%\n12 open 60%'].join('\n')
  expect(plan(noneFull)).toEqual({ create: 0, close: [] })
})

test('full volumes that are all the cell has are not closed together', () => {
  const picture = Array.from({ length: 12 }, (_, index) => `${index + 1} open 90%`).join('\n')
  expect(plan(picture).close).toHaveLength(8)
})
