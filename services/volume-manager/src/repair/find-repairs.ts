/** What repair would do now: the planner's answer over the volumes that are worst off. */
import type { DiskUuid, Volume, VolumeId } from '@kura/core'
import { planRepairs, type RepairPlan } from '@kura/placement'
import type { Cell } from '../cell.ts'
import { findMassSilence } from '../mass-silence.ts'
import { describeForRepair } from './describe-for-repair.ts'

export interface FindRepairsOptions {
  /** Volumes looked at; the worst off come first. */
  readonly limit: number
  readonly repairsMax: number
  /** Copies that are being built on each disk. */
  readonly builds: ReadonlyMap<DiskUuid, number>
  /** Volumes that are left out. */
  readonly except: readonly VolumeId[]
  /** Disks taken for lost beside those that are. */
  readonly givenUp?: readonly DiskUuid[]
}

export interface FoundRepairs {
  readonly plan: RepairPlan
  /** What was looked at. */
  readonly volumes: readonly Volume[]
}

export function findRepairs(cell: Cell, options: FindRepairsOptions): FoundRepairs {
  const { table, view, evidence, random } = cell
  const { givenUp: alsoGivenUp = [], except, limit, repairsMax, builds } = options
  const lost = new Set([...evidence.lostDisks(), ...alsoGivenUp])
  const volumes = table.volumes.needingRepair(
    {
      lostDisks: [...lost],
      unsound: evidence.unsoundExtents(),
      differing: evidence.differingVolumes(),
      except,
    },
    { limit },
  )
  const placeable = view.diskUuids.filter((diskUuid) => view.isPlaceable(diskUuid))
  const givenUp = new Set([...evidence.givenUp(), ...alsoGivenUp])
  const plan = planRepairs(
    {
      volumes: volumes.map((volume) => describeForRepair(cell, volume, lost)),
      disks: placeable.map((diskUuid) => view.info(diskUuid)),
      massSilence: findMassSilence(view, givenUp) !== undefined,
      ...{ builds, random },
    },
    { repairsMax },
  )
  return { plan, volumes }
}
