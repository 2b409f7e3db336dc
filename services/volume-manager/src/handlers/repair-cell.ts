import { KuraError, type DiskUuid, type Volume } from '@kura/core'
import type { PlannedRepair } from '@kura/placement'
import type { RepairCellRequest } from '@kura/proto'
import type { Cell } from '../cell.ts'
import { findRepairs } from '../repair/find-repairs.ts'

/** Repairs that one answer lists; the count beside them says whether there are more. */
const LISTED_MAX = 1_000

/**
 * What repair would do if the disks out of reach never came back; with `apply`, an operator's word
 * that they are not waited for, which holds until they speak again or another leader takes over.
 */
export async function repairCell(cell: Cell, request: RepairCellRequest) {
  const { view, evidence, wake, logger, config } = cell
  const awaited = view
    .infos()
    .filter(({ reachable, state }) => !reachable && state !== 'lost' && state !== 'out')
  const givenUp = awaited.map(({ diskUuid }) => diskUuid)
  if (request.apply && config.repairsMax === 0) {
    throw new KuraError('state-conflict', 'this cell makes no repairs: repairs_max is 0', {
      hint: 'Raise repairs_max of its volume managers and start them again.',
    })
  }
  const { plan, volumes } = findRepairs(cell, {
    limit: LISTED_MAX,
    repairsMax: LISTED_MAX,
    builds: new Map(),
    except: [],
    givenUp,
  })
  if (request.apply) {
    evidence.giveUp(givenUp)
    wake.repairer()
    logger.info({ givenUp, repairCount: plan.repairs.length }, 'an operator asked for repair')
  }
  return await Promise.resolve({
    repairs: plan.repairs.map((repair) => encodeRepair(repair, volumes)),
    unplaceableCount: BigInt(plan.unplaceable.length),
    sourcelessCount: BigInt(plan.sourceless.length),
    runningCount: BigInt(cell.table.volumes.ordered().length),
    givenUpDisks: [...givenUp],
    moreThanListed: volumes.length >= LISTED_MAX,
  })
}

function encodeRepair(repair: PlannedRepair, volumes: readonly Volume[]) {
  const volume = volumes.find(({ volumeId }) => volumeId === repair.volumeId)
  const lengths = volume?.extents.map(({ lengthBytes }) => lengthBytes) ?? []
  const targets: readonly DiskUuid[] = repair.targets
  return {
    volumeId: BigInt(repair.volumeId),
    kind: repair.kind,
    targetDisks: [...targets],
    bytes: BigInt(Math.max(0, ...lengths) * targets.length),
  }
}
