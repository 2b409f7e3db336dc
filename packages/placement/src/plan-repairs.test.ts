// Each case is a small picture of a cell: one line per volume, a letter per copy. `1 WWL` is volume
// 1 with whole copies on disks 1 and 2 and a lost one on disk 3.
import { expect, test } from 'vitest'
import { parseDiskUuid, parseExtentId, parseVolumeId, type DiskUuid } from '@kura/core'
import { SeededRandom } from '@kura/testkit'
import {
  planRepairs,
  type PlanRepairsView,
  type RepairableCopy,
  type RepairableVolume,
  type RepairCondition,
} from './plan-repairs.ts'

const CONDITIONS: Readonly<Record<string, RepairCondition>> = {
  W: 'whole',
  D: 'damaged',
  A: 'away',
  L: 'lost',
  B: 'distrusted',
}

function uuidOf(number: number): DiskUuid {
  return parseDiskUuid(`00000000-0000-4000-8000-${String(number).padStart(12, '0')}`)
}

function numberOf(diskUuid: DiskUuid): number {
  return Number(diskUuid.slice(-12))
}

/** Disks 1, 2, … each in a rack of its own, or in the rack that `racks` says. */
function diskOf(number: number, racks = '') {
  const rack = racks[number - 1] ?? `rack-${number}`
  return {
    diskUuid: uuidOf(number),
    domains: { rack, power: '', vendor: '', firmware: '' },
    freeBytes: 1e12,
  }
}

/** `7 WDL +W`: copies in force on disks 1, 2, 3, and an unmerged source on disk 4. */
function volumeOf(line: string, racks: string): RepairableVolume {
  const [id = '0', letters = '', sources = ''] = line.split(' ')
  const copyOn = (letter: string, number: number): RepairableCopy => {
    const condition = CONDITIONS[letter]
    if (condition === undefined) throw new Error(`no such condition: ${letter}`)
    const { diskUuid, domains } = diskOf(number, racks)
    return { extentId: parseExtentId(Number(id) * 10 + number), diskUuid, domains, condition }
  }
  const copies = [...letters].map((letter, index) => copyOn(letter, index + 1))
  const unmerged = [...sources.slice(1)].map((letter, index) =>
    copyOn(letter, copies.length + index + 1),
  )
  return { volumeId: parseVolumeId(Number(id)), copies, unmerged }
}

interface Given extends Partial<Pick<PlanRepairsView, 'massSilence' | 'builds'>> {
  readonly diskCount?: number
  readonly without?: readonly number[]
  /** A letter per disk. */
  readonly racks?: string
  readonly repairsMax?: number
}

/** `1 replace 13 on 4`: volume, kind, extents replaced, disks of the new copies. */
function plan(picture: string, given: Given = {}) {
  const { diskCount = 6, without = [], racks = '', repairsMax = 100 } = given
  const lines = picture.split('\n').map((line) => line.trim())
  const numbers = Array.from({ length: diskCount }, (_, index) => index + 1)
  const disks = numbers.filter((number) => !without.includes(number))
  const made = planRepairs(
    {
      volumes: lines.filter((line) => line !== '').map((line) => volumeOf(line, racks)),
      disks: disks.map((number) => diskOf(number, racks)),
      builds: given.builds ?? new Map(),
      massSilence: given.massSilence ?? false,
      random: new SeededRandom(1),
    },
    { repairsMax },
  )
  const { repairs, ...rest } = made
  return {
    repairs: repairs.map(
      ({ volumeId, kind, replaces, targets }) =>
        `${volumeId} ${kind} ${replaces.join(' ')} on ${targets.map(numberOf).join(' ')}`,
    ),
    ...Object.fromEntries(Object.entries(rest).filter(([, volumes]) => volumes.length > 0)),
  }
}

test('whole volumes and copies that are away for a while are left alone', () => {
  expect(plan('1 WWW \n 2 WWA \n 3 WAA')).toEqual({ repairs: [] })
})

test('a lost copy gets a successor on a disk that has none', () => {
  expect(plan('1 WWL', { without: [3, 5, 6] })).toEqual({ repairs: ['1 replace 13 on 4'] })
})

test('a copy that was never there is made, and nothing is replaced', () => {
  expect(plan('1 WW', { diskCount: 3 })).toEqual({ repairs: ['1 replace  on 3'] })
})

test('a damaged copy moves to another disk, or stays on its own where no other is left', () => {
  expect(plan('1 WDW', { diskCount: 4 })).toEqual({ repairs: ['1 replace 12 on 4'] })
  expect(plan('1 WDW', { diskCount: 3 })).toEqual({ repairs: ['1 replace 12 on 2'] })
})

test('the own rack of a damaged copy is better than a rack that has a copy', () => {
  expect(plan('1 WDW', { diskCount: 4, racks: 'abca' })).toEqual({
    repairs: ['1 replace 12 on 2'],
  })
})

test('a rack that has a copy is better than no third copy', () => {
  const given = { diskCount: 4, racks: 'abca', without: [3] }
  expect(plan('1 WWL', given)).toEqual({ repairs: ['1 replace 13 on 4'] })
})

test('one disk for two lost copies: one is replaced, the other stays as it is', () => {
  expect(plan('1 WLL', { without: [2, 3, 5, 6] })).toEqual({ repairs: ['1 replace 12 on 4'] })
})

test('what is lost is replaced before what is damaged', () => {
  expect(plan('1 WDL', { diskCount: 4, without: [2, 3] })).toEqual({
    repairs: ['1 replace 13 on 4'],
  })
})

test('the fewest whole copies come first, up to the limit', () => {
  const picture = '1 WWL \n 2 WLL \n 3 WWL'
  const { repairs } = plan(picture, { repairsMax: 2 })
  expect(repairs.map((line) => line.slice(0, 1))).toEqual(['2', '1'])
})

test('the builds of one plan spread over the disks', () => {
  const { repairs } = plan('1 WWL \n 2 WWL \n 3 WWL', { without: [3] })
  const targets = repairs.map((line) => line.slice(-1)).sort()
  expect(targets).toEqual(['4', '5', '6'])
})

test('disks at work get less than idle ones', () => {
  const builds = new Map([
    [uuidOf(4), 1],
    [uuidOf(5), 2],
  ])
  const { repairs } = plan('1 WWL', { without: [3], builds })
  expect(repairs).toEqual(['1 replace 13 on 6'])
})

test('mass silence holds all but the volumes with one copy left', () => {
  expect(plan('1 WWL \n 2 WLL', { massSilence: true, without: [2, 3, 5, 6] })).toEqual({
    repairs: ['2 replace 22 on 4'],
    held: [1],
  })
})

test('damaged copies are read where nothing else is left', () => {
  expect(plan('1 DLL', { diskCount: 4, without: [1, 2, 3] })).toEqual({
    repairs: ['1 replace 12 on 4'],
  })
})

test('a lost disk that is back is read where nothing else is left, and keeps no copy', () => {
  expect(plan('1 BLL', { diskCount: 4, without: [1, 2, 3] })).toEqual({
    repairs: ['1 replace 12 on 4'],
  })
  expect(plan('1 WWB', { diskCount: 4, without: [3] })).toEqual({ repairs: ['1 replace 13 on 4'] })
  expect(plan('1 WW +B', { diskCount: 4, without: [3] })).toEqual({
    repairs: ['1 merge 11 12 on 1 2 4'],
  })
})

test('a lost disk that is back is no whole copy while the silence is a riddle', () => {
  expect(plan('1 WBL', { massSilence: true, diskCount: 4, without: [2, 3] })).toEqual({
    repairs: ['1 replace 13 on 4'],
  })
})

test('without a copy within reach, and without a disk, nothing is planned', () => {
  expect(plan('1 LLA \n 2 WWL', { diskCount: 2 })).toEqual({
    repairs: [],
    sourceless: [1],
    unplaceable: [2],
  })
})

test('a merge builds every copy anew, on its own disk where that has room', () => {
  expect(plan('1 WW +W', { diskCount: 3 })).toEqual({ repairs: ['1 merge 11 12 on 1 2 3'] })
  expect(plan('1 WW +W', { diskCount: 4, without: [2, 3] })).toEqual({
    repairs: ['1 merge 11 12 on 1 4'],
  })
})

test('a merge waits for every copy that counts, and never makes fewer copies', () => {
  expect(plan('1 WWA +W')).toEqual({ repairs: [] })
  expect(plan('1 WWW +W', { diskCount: 2 })).toEqual({ repairs: [], unplaceable: [1] })
})

test('a lost copy does not keep a merge waiting', () => {
  expect(plan('1 WWL +W', { diskCount: 4, without: [3] })).toEqual({
    repairs: ['1 merge 11 12 13 on 1 2 4'],
  })
})

test('no plan puts two copies on one disk or breaks up what it does not replace', () => {
  const letters = 'WDAL'
  for (let number = 0; number < 64; number += 1) {
    const copies = [number & 3, (number >> 2) & 3, (number >> 4) & 3].map((at) => letters[at] ?? '')
    const { repairs } = plan(`1 ${copies.join('')}`)
    for (const line of repairs) {
      const [, , text = ''] = /^1 (\w+) (.*) on/.exec(line) ?? []
      const targets = line.slice(line.indexOf(' on ') + 4).split(' ')
      const kept = copies.flatMap((letter, index) =>
        letter === 'W' || letter === 'A' ? [String(index + 1)] : [],
      )
      const standing = copies.flatMap((letter, index) =>
        text.includes(`1${index + 1}`) || letter === '' ? [] : [String(index + 1)],
      )
      expect(new Set([...targets, ...kept]).size).toBe(targets.length + kept.length)
      expect(kept.filter((disk) => !standing.includes(disk))).toEqual([])
    }
  }
})
