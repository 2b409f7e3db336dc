export { CellMap, isSameIncarnation } from './cell-map.ts'
export type { ApplyResult } from './cell-map.ts'
export { ClosedBuckets, PACKED_EXTENTS_MAX } from './closed-buckets.ts'
export type { CellMapChange, MapExtent, MapVolume } from './map-volume.ts'
export { FULL_AT_FILL_PERCENT } from './fill.ts'
export { orderReplicas } from './order-replicas.ts'
export type { OrderReplicasOptions } from './order-replicas.ts'
export { pickVolume } from './pick-volume.ts'
export type { PickedVolume, PickVolumeOptions } from './pick-volume.ts'
export { placeCopy } from './place-copy.ts'
export type { PlaceCopyOptions } from './place-copy.ts'
export { placeVolume } from './place-volume.ts'
export type { PlaceableDisk, PlaceVolumeOptions } from './place-volume.ts'
export { planRepairs } from './plan-repairs.ts'
export type {
  PlannedRepair,
  PlanRepairsView,
  RepairableCopy,
  RepairableVolume,
  RepairCondition,
  RepairPlan,
} from './plan-repairs.ts'
export { planVolumes } from './plan-volumes.ts'
export type {
  CloseReason,
  CopyCondition,
  PlannedVolume,
  PlanVolumesSettings,
  PlanVolumesView,
  VolumePlan,
} from './plan-volumes.ts'
