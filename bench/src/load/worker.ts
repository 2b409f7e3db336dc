/** The process that makes the load, apart from bench, so that its processor time can be told. */
import { prepareAutocannonLoad } from './autocannon-load.ts'
import type { Findings, WorkerOrders } from './load.ts'
import { prepareOwnLoad } from './own-load.ts'
import { prepareReadBack } from './read-back.ts'
import { serveOrders } from './serve-orders.ts'

serveOrders<WorkerOrders, Findings>((orders) => {
  switch (orders.kind) {
    case 'load':
      return prepareOwnLoad(orders)
    case 'autocannon':
      return prepareAutocannonLoad(orders)
    case 'read-back':
      return prepareReadBack(orders)
  }
})
