export type {
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
export { ExtentStore, ScratchExtent, Scrubber } from './extent-store.ts'
export type { ExtentStoreOptions, ExtentStoreSettings } from './extent-store.ts'
