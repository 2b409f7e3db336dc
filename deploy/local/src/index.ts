export { describeBytes } from './disk-space.ts'
export { LocalService } from './local-service.ts'
export { LocalZone } from './local-zone.ts'
export type { Endpoints, LocalZoneOptions } from './local-zone.ts'
