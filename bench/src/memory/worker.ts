/** The process that makes a load of the memory benchmark, apart from the processes measured. */
import { serveOrders } from '../load/serve-orders.ts'
import type { MemoryOrders, WorkerFindings } from './memory-load.ts'
import { prepareMovingClients } from './moving-clients.ts'
import { prepareSlowClients } from './slow-clients.ts'

serveOrders<MemoryOrders, WorkerFindings>((orders) =>
  orders.kind === 'moving' ? prepareMovingClients(orders) : prepareSlowClients(orders),
)
