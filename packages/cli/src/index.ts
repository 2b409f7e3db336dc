export { EXIT } from './exit-code.ts'
export { runCommandLine } from './program.ts'
export type { Terminal } from './terminal.ts'
