/** The process that makes the load, apart from bench, so that its processor time can be told. */
import { prepareClientLoad, type PreparedLoad } from './client-load.ts'
import { prepareHttpLoad } from './http-load.ts'
import type { Command, Reply, WorkerOrders } from './load.ts'

let prepared: PreparedLoad | undefined

process.on('message', (command: Command) => {
  handle(command).catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
    process.exit(1)
  })
})

async function handle(command: Command): Promise<void> {
  if (command.kind === 'prepare') {
    prepared = prepare(command.orders)
    await prepared.warmUp()
    tell({ kind: 'ready' })
    return
  }
  if (prepared === undefined) throw new Error('told to go before there was a load')
  const result = await prepared.measure()
  prepared.close()
  tell({ kind: 'done', result })
}

function prepare(orders: WorkerOrders): PreparedLoad {
  return orders.load.door === 'client' ? prepareClientLoad(orders) : prepareHttpLoad(orders)
}

function tell(reply: Reply): void {
  process.send?.(reply)
}
