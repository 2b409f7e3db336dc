import { MARKS } from '@kura/core'
import { describe, expect, test } from 'vitest'
import { median } from '../coverage/figures.ts'
import { blockOfKey, NEVER_PUT_KEYS_FROM } from './blocks.ts'
import { ZONE_MARKS } from './crash-marks.ts'
import { FAULTS_MIN } from './draw-faults.ts'
import { OPERATIONS_MIN } from './draw-operations.ts'
import { atlasViolation, destroyedNodes } from './fault-atlas.ts'
import { FAULT_KINDS, kindOfFault } from './fault-kinds.ts'
import { makePlan } from './make-plan.ts'
import { processNames, SUITES } from './plan.ts'
import type { Plan, PlannedFault, ProcessName, Suite } from './plan.ts'
import { DEFAULT_SETTINGS } from './settings.ts'

const SEEDS = 1000

function makePlans(suite: Suite): readonly Plan[] {
  return Array.from({ length: SEEDS }, (_, seed) => makePlan(seed, suite))
}

const plansOf = { survivable: makePlans('survivable'), beyond: makePlans('beyond') }

describe.each(SUITES)('plans of the suite %s', (suite) => {
  const plans = plansOf[suite]

  test('the same seed makes the same plan, which survives as JSON, and another another', () => {
    for (const plan of plans.slice(0, 20)) {
      expect(makePlan(plan.seed, suite)).toEqual(plan)
      expect(JSON.parse(JSON.stringify(plan))).toEqual(plan)
    }
    const distinct = new Set(plans.map((plan) => JSON.stringify({ ...plan, seed: 0 })))
    expect(distinct.size).toBe(SEEDS)
  })

  test('each has enough nodes, operations and faults, in order, within its phase', () => {
    for (const { topology, operations, faults, faultPhaseMs } of plans) {
      expect(topology.storageNodes).toBeGreaterThanOrEqual(5)
      expect(topology.racks).toBeLessThanOrEqual(topology.storageNodes)
      expect(topology.frontends).toBeGreaterThanOrEqual(2)
      expect(operations.length).toBeGreaterThanOrEqual(OPERATIONS_MIN)
      expect(faults.length).toBeGreaterThanOrEqual(FAULTS_MIN)
      expect(isAscending(operations) && isAscending(faults)).toBe(true)
      expect(Math.max(...faults.map((fault) => endOf(fault)))).toBeLessThanOrEqual(faultPhaseMs)
      expect(new Set(faults.map(({ id }) => id)).size).toBe(faults.length)
    }
    expect(median(plans.map(({ faults }) => faults.length))).toBeGreaterThanOrEqual(5)
  })

  test('faults and operations name only what is there', () => {
    for (const { topology, operations, faults } of plans) {
      const known = new Set<string>([...processNames(topology), '*'])
      expect(operations.every(({ frontend }) => frontend <= topology.frontends)).toBe(true)
      const named = faults.flatMap((fault) => namesIn(fault))
      expect(named.filter((name) => !known.has(name))).toEqual([])
      expect(faults.every((fault) => fault.kind !== 'network' || fault.from !== fault.to)).toBe(
        true,
      )
    }
  })

  test('a thousand seeds have every kind of fault and every mark of a running zone', () => {
    const faults = plans.flatMap((plan) => plan.faults)
    const kinds = Map.groupBy(faults, (fault) => kindOfFault(fault))
    for (const { name } of FAULT_KINDS) {
      expect(kinds.get(name)?.length ?? 0, name).toBeGreaterThanOrEqual(50)
    }
    expect([...kinds.keys()].sort()).toEqual(FAULT_KINDS.map(({ name }) => name).sort())
    const crashes = faults.filter((fault) => fault.kind === 'crash-at-mark')
    const marks = Map.groupBy(crashes, ({ mark }) => mark)
    for (const mark of ZONE_MARKS) {
      expect(marks.get(mark)?.length ?? 0, mark).toBeGreaterThanOrEqual(5)
    }
    expect(MARKS.filter((mark) => !ZONE_MARKS.includes(mark))).toEqual([
      'database.replace.filled',
      'database.replace.before',
      'database.replace.aside',
      'database.replace.published',
    ])
  })

  test('each has only some kinds of faults', () => {
    const counts = plans.map(({ faults }) => new Set(faults.map((each) => kindOfFault(each))).size)
    expect(median(counts)).toBeLessThan(FAULT_KINDS.length / 2)
  })

  test('clients put, put again, get and ask, also for what nobody put', () => {
    for (const { operations } of plans.slice(0, 100)) {
      const puts = operations.filter(({ kind }) => kind === 'put').map(({ key }) => key)
      const asked = operations.filter(({ kind }) => kind !== 'put').map(({ key }) => key)
      expect(new Set(puts).size).toBeGreaterThan(50)
      expect(new Set(puts).size).toBeLessThan(puts.length)
      expect(asked.filter((key) => puts.includes(key)).length).toBeGreaterThan(20)
      expect(asked.some((key) => key >= NEVER_PUT_KEYS_FROM)).toBe(true)
      expect(puts.every((key) => key < NEVER_PUT_KEYS_FROM)).toBe(true)
    }
  })
})

describe('the fault atlas', () => {
  const { topology } = makePlan(1, 'survivable')
  const settings = { ...DEFAULT_SETTINGS, silenceMs: 10_000 }
  const judge = (...faults: readonly PlannedFault[]): string | undefined =>
    atlasViolation({ suite: 'survivable', topology, settings, faults })
  const rot = (node: number, atMs: number): PlannedFault => {
    return { id: atMs, atMs, kind: 'disk', node, fault: { kind: 'rot', bits: 1 } }
  }
  const kill = (node: number, atMs: number, restartAfterMs: number): PlannedFault => {
    return { id: atMs, atMs, kind: 'kill', process: `storage-node-${node}`, restartAfterMs }
  }
  const swap: PlannedFault = {
    ...{ id: 9, atMs: 20_000, kind: 'swap-disks', a: 1, b: 2 },
    ...{ forMs: 2_000, restartAfterMs: 10 },
  }

  test('lets one disk be destroyed as often as one likes, and no second one', () => {
    expect(judge(rot(1, 0), rot(1, 1))).toBeUndefined()
    const faults = [rot(1, 0), rot(2, 2)]
    expect(judge(...faults)).toContain('are destroyed')
    expect(atlasViolation({ suite: 'beyond', topology, settings, faults })).toBeUndefined()
  })

  test('lets disks be swapped for a time, and destroys nothing meanwhile', () => {
    expect(judge(swap, rot(1, 40_000))).toBeUndefined()
    expect(judge(swap, rot(1, 22_000))).toContain('while disks')
    const { forMs, ...forever } = swap
    expect(forMs).toBeGreaterThan(0)
    expect(judge(forever)).toContain('never')
  })

  test('lets any disks count as dead, but only one beside a destroyed one', () => {
    const both = [kill(2, 0, 20_000), kill(3, 30_000, 20_000)]
    expect(judge(...both)).toBeUndefined()
    expect(judge(rot(1, 0), kill(2, 0, 20_000), kill(1, 0, 20_000))).toBeUndefined()
    expect(judge(rot(1, 0), ...both)).toContain('count as dead')
  })

  test('counts silences that follow each other, whatever makes them, as one', () => {
    const cut = (from: ProcessName, forMs: number): PlannedFault => {
      return { id: 7, atMs: 5_500, kind: 'network', from, to: '*', effect: 'cut', forMs }
    }
    const before = [rot(1, 0), kill(2, 0, 20_000)]
    expect(judge(...before, kill(3, 0, 4_000))).toBeUndefined()
    expect(judge(...before, kill(3, 0, 4_000), cut('storage-node-3', 1_000))).toContain('dead')
    expect(judge(...before, kill(3, 0, 4_000), cut('frontend-1', 20_000))).toBeUndefined()
    expect(judge(...before, cut('volume-manager-1', 8_000))).toContain('dead')
    const crash: PlannedFault = {
      ...{ id: 8, atMs: 0, kind: 'crash-at-mark', mark: 'extent.append.queued', nth: 1 },
      restartAfterMs: 500,
    }
    expect(judge(...before, kill(3, 0, 4_000), crash)).toContain('dead')
    expect(judge(...before, crash)).toBeUndefined()
  })

  test('is used up: about half of the survivable plans destroy a disk, most others several', () => {
    const counts = (suite: Suite): readonly number[] =>
      plansOf[suite].map(({ faults }) => destroyedNodes(faults).size)
    expect(counts('survivable').filter((count) => count === 1).length).toBeGreaterThan(0.4 * SEEDS)
    expect(counts('beyond').filter((count) => count > 1).length).toBeGreaterThan(SEEDS / 2)
  })
})

describe('the blocks of the keys', () => {
  test('no two keys have the same bytes, and none is larger than 8 KiB', () => {
    const keys = Array.from({ length: 2000 }, (_, key) => key)
    const blocks = [...keys, ...keys.map((key) => key + NEVER_PUT_KEYS_FROM)].map(
      (key) => blockOfKey(key).bytes,
    )
    expect(new Set(blocks.map((block) => block.toString('latin1'))).size).toBe(blocks.length)
    const sizes = new Set(blocks.map(({ length }) => length))
    for (const size of [1, 3840, 3841, 4095, 4096, 4097, 8192]) expect(sizes).toContain(size)
    expect(Math.max(...sizes)).toBe(8192)
    expect(blockOfKey(7)).toEqual(blockOfKey(7))
  })
})

function isAscending(events: readonly { readonly atMs: number }[]): boolean {
  return events.every(({ atMs }, index) => index === 0 || atMs >= (events[index - 1]?.atMs ?? 0))
}

function endOf(fault: PlannedFault): number {
  if ('forMs' in fault) return fault.atMs + (fault.forMs ?? 0)
  if ('restartAfterMs' in fault) return fault.atMs + fault.restartAfterMs
  if (fault.kind === 'disk' && 'forMs' in fault.fault) return fault.atMs + fault.fault.forMs
  return fault.atMs
}

function namesIn(fault: PlannedFault): readonly string[] {
  const nodes = Object.entries(fault).filter(([name]) => ['node', 'a', 'b'].includes(name))
  const texts = Object.entries(fault).filter(([name]) => ['process', 'from', 'to'].includes(name))
  return [
    ...texts.map(([, name]) => String(name)),
    ...nodes.map(([, node]) => `storage-node-${String(node)}`),
    ...('processes' in fault ? fault.processes : []),
  ]
}
