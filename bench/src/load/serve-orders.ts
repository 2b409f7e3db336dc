/** A worker's side of the talk with bench: prepare, say so, go when told, answer what was found. */
import { toKuraError } from '@kura/core'
import type { Command, Reply } from './load.ts'

export interface PreparedLoad<Result> {
  warmUp(): Promise<void>
  measure(): Promise<Result>
  close(): void
}

export function serveOrders<Orders, Result>(
  prepare: (orders: Orders) => PreparedLoad<Result>,
): void {
  let prepared: PreparedLoad<Result> | undefined
  const tell = (reply: Reply<Result>): void => void process.send?.(reply)
  const handle = async (command: Command<Orders>): Promise<void> => {
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
  // Also in the midst of a load: without bench it is of no use.
  process.on('disconnect', () => process.exit())
  process.on('message', (command: Command<Orders>) => {
    handle(command).catch((error: unknown) => {
      const { code, message, stack } = toKuraError(error)
      if (code === 'internal') process.stderr.write(`${stack}\n`)
      tell({ kind: 'failed', code, message })
      // The answer is on its way; bench hangs up when it has it.
      prepared?.close()
    })
  })
}
