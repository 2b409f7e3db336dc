/** The surface of a frontend: what each door (block transport, HTTP, gRPC) can do for a caller. */
export { getBlock } from './get-block.ts'
export { getBlocks } from './get-blocks.ts'
export { putBlock } from './put-block.ts'
export { putBlocks } from './put-blocks.ts'
export { statBlock } from './stat-block.ts'
