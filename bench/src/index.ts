export { runBench } from './bench.ts'
export { judgeMemory } from './memory/judge-memory.ts'
export { measureMemory, type MemoryResult } from './memory/measure-memory.ts'
export { planMemoryLoads } from './memory/memory-loads.ts'
