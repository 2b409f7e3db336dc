/** From which disks blocks that are wanted together are read: from few, each by one exchange. */
import { isDiskTrusted, type DiskInfo, type DiskUuid } from '@kura/core'
import { orderReplicas, type MapExtent } from '@kura/placement'
import type { FrontendContext } from '../frontend-context.ts'
import { findPlacement, type Placement } from '../replicas/find-placement.ts'
import type { LocatedBlock } from './locate-block.ts'

/** Of how many copies of a block, quickest first, one may be chosen for its company. */
const CHOICES = 2

export interface CopyToRead {
  readonly located: LocatedBlock
  readonly placement: Placement
  readonly extent: MapExtent
}

/** The copies that one disk is asked for. */
export interface DiskRead {
  readonly disk: DiskInfo
  readonly copies: readonly [CopyToRead, ...CopyToRead[]]
  readonly sizeBytes: number
}

/** Blocks whose copies are all in doubt are in none of the reads. */
export async function chooseCopies(
  frontend: FrontendContext,
  call: {
    readonly located: readonly LocatedBlock[]
    readonly requestId: string
    readonly signal: AbortSignal
  },
): Promise<readonly DiskRead[]> {
  const { requestId, signal } = call
  const reads = new Map<DiskUuid, DiskRead>()
  for (const located of call.located) {
    const { bucketId } = located
    const placement = await findPlacement(frontend, { bucketId, requestId, signal })
    if (placement === undefined) continue
    const choices = soundCopies(frontend, placement).slice(0, CHOICES)
    const extent = choices.find(({ diskUuid }) => reads.has(diskUuid)) ?? choices[0]
    const disk = extent === undefined ? undefined : placement.diskOf(extent.diskUuid)
    if (extent === undefined || disk === undefined) continue
    addCopy(reads, disk, { located, placement, extent })
  }
  return [...reads.values()]
}

function soundCopies(frontend: FrontendContext, { volume, diskOf }: Placement): MapExtent[] {
  const latencyOf = (diskUuid: DiskUuid) => frontend.readLatencies.of(diskUuid)
  const ordered = orderReplicas({ volume, diskOf, latencyOf, random: frontend.random })
  return ordered.filter(({ state, diskUuid }) => {
    const disk = diskOf(diskUuid)
    return state === 'in-force' && disk?.reachable === true && isDiskTrusted(disk.state)
  })
}

function addCopy(reads: Map<DiskUuid, DiskRead>, disk: DiskInfo, copy: CopyToRead): void {
  const known = reads.get(disk.diskUuid)
  const sizeBytes = copy.located.sizeBytes + (known?.sizeBytes ?? 0)
  const copies: DiskRead['copies'] = known === undefined ? [copy] : [...known.copies, copy]
  reads.set(disk.diskUuid, { disk, copies, sizeBytes })
}
