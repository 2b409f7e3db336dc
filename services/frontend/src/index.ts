export { parseConfig, settings } from './config.ts'
export type { FrontendConfig } from './config.ts'
export { Frontend } from './frontend.ts'
export type { FrontendOverrides } from './frontend.ts'
