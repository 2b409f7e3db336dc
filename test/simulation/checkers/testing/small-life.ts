/** A short life of a small zone without any fault, and copies of what it left on its media. */
import { assert } from '@kura/core'
import Database from 'better-sqlite3'
import { Kernel } from '../../kernel/kernel.ts'
import { sizeOfKey } from '../../plan/blocks.ts'
import type { Operation, Plan } from '../../plan/plan.ts'
import { DEFAULT_SETTINGS } from '../../plan/settings.ts'
import { Operator } from '../../zone/operator.ts'
import { SimulatedZone } from '../../zone/simulated-zone.ts'
import { Workload } from '../../zone/workload.ts'
import { HistoryRecorder } from '../history.ts'
import type { HoldingsSource } from '../zone-holdings.ts'

const KIB = 1024
const VIRTUAL_MS_MAX = 120_000
const LOOK_EVERY_MS = 500

/** Puts of these keys close some volumes of 64 KiB and leave others open. */
const KEYS = Array.from({ length: 40 }, (_, at) => at + 100).filter((key) => sizeOfKey(key) > 1000)

export const SMALL_PLAN: Plan = {
  seed: 1,
  suite: 'survivable',
  topology: { storageNodes: 5, racks: 4, frontends: 1, volumeManagers: 1, zoneMasters: 1 },
  settings: { ...DEFAULT_SETTINGS, bucketSizeBytes: 64 * KIB, diskBytes: 64 * 64 * KIB },
  operations: KEYS.map((key, id): Operation => {
    return { id, atMs: 50 * id, client: 1, frontend: 1, kind: 'put', key }
  }),
  faults: [],
  faultPhaseMs: 0,
  quietPhaseMsMax: VIRTUAL_MS_MAX,
}

/** What may be changed without changing what another test finds. */
export interface SmallLife {
  copy(): HoldingsSource
}

export async function liveSmallLife(): Promise<SmallLife> {
  const { seed } = SMALL_PLAN
  const limits = { eventsMax: 500_000, virtualMsMax: VIRTUAL_MS_MAX }
  const kernel = new Kernel({ seed, ...limits, record: false })
  const zone = new SimulatedZone(SMALL_PLAN, kernel)
  const history = new HistoryRecorder()
  const workload = new Workload(zone, history)
  const operator = new Operator(zone)
  const until = async (isDone: () => boolean): Promise<void> => {
    let isOver = false
    const look = (): void => {
      isOver = isDone()
      if (!isOver) kernel.schedule(kernel.world, LOOK_EVERY_MS, look)
    }
    look()
    const end = await kernel.run(() => isOver)
    assert(end === 'done', 'a life without faults comes to its end')
  }
  const isWhole = (): boolean => zone.isWhole(operator.status) && !zone.isUnsettled
  await zone.initialise()
  zone.start()
  operator.start()
  await until(isWhole)
  workload.schedule(SMALL_PLAN.operations.map((one) => ({ ...one, atMs: one.atMs + kernel.nowMs })))
  await until(() => history.read().length === KEYS.length && workload.runningCount === 0)
  await until(isWhole)
  workload.close()
  assert(
    history.read().every(({ outcome }) => outcome === 'ok'),
    'a life without faults stores everything',
  )
  const { indexImage, tableImage, disks } = zone.holdings()
  return {
    copy: () => ({
      indexImage,
      tableImage,
      disks: new Map([...disks].map(([node, { image }]) => [node, { image: image.copy() }])),
    }),
  }
}

/** The image with a change that no service makes. */
export function changed(image: Buffer, sql: string): Buffer {
  const database = new Database(image)
  try {
    database.pragma('foreign_keys = off')
    database.exec(sql)
    return database.serialize()
  } finally {
    database.close()
  }
}
