/** The surface of a frontend: what both doors, block transport and HTTP, can do for a caller. */
export { getBlock } from './get-block.ts'
export { putBlock } from './put-block.ts'
export { statBlock } from './stat-block.ts'
