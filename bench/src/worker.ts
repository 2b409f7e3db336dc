/** The process that makes the load, apart from bench, so that its processor time can be told. */
import { prepareClientLoad } from './client-load.ts'
import { prepareHttpLoad } from './http-load.ts'
import type { LoadResult, WorkerOrders } from './load.ts'
import { serveOrders } from './serve-orders.ts'

serveOrders<WorkerOrders, LoadResult>((orders) =>
  orders.load.door === 'client' ? prepareClientLoad(orders) : prepareHttpLoad(orders),
)
