export type {
  AppendBatch,
  Damage,
  DiskIdentity,
  DiskSpace,
  ExtentEvent,
  ExtentPart,
  ExtentReport,
  ExtentSpec,
  Fullness,
  MediaVerification,
  RecordToAppend,
  ScrubStep,
} from './extent-report.ts'
export { ExtentStore } from './extent-store.ts'
export type { ExtentStoreOptions, ExtentStoreSettings } from './extent-store-options.ts'
export { initialiseDisk } from './identity.ts'
export type { ExpectedIdentity } from './identity.ts'
export { NodeDisk } from './node-disk.ts'
export { ScratchExtent } from './scratch-extent.ts'
export { Scrubber } from './scrubber.ts'
