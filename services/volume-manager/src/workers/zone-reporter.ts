/** Reports the cell to the zone master every second, and takes its rulings on the disks. */
import { isKuraError, parseDiskUuid } from '@kura/core'
import type { AddressBook } from '@kura/coordination'
import { ZoneMaster, type DiskRuling } from '@kura/proto'
import type { RpcClientOf, RpcNetwork } from '@kura/rpc'
import { Worker } from '@kura/runtime'
import type { Cell } from '../cell.ts'
import { describeCell } from '../cell-status.ts'
import { parseDiskState } from '../store/disk-rows.ts'

const INTERVAL_MS = 1_000
const REPORT_TIMEOUT_MS = 2_000

export class ZoneReporter {
  readonly #cell: Cell
  readonly #worker: Worker
  readonly #client: RpcClientOf<typeof ZoneMaster>

  constructor(
    cell: Cell,
    options: { readonly rpc: RpcNetwork; readonly addressBook: AddressBook },
  ) {
    this.#cell = cell
    const resolve = options.addressBook.resolver('zone-master', undefined, 'rpc')
    this.#client = options.rpc.createClient(ZoneMaster, { identity: cell.identity, resolve })
    this.#worker = new Worker({
      name: 'zone-reporter',
      intervalMs: INTERVAL_MS,
      clock: cell.clock,
      logger: cell.logger,
      step: (signal) => this.#step(signal),
    })
  }

  start(): void {
    this.#worker.start()
  }

  wake(): void {
    this.#worker.wake()
  }

  async stop(): Promise<void> {
    await this.#worker.stop()
    this.#client.close()
  }

  async #step(stopping: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([stopping, this.#cell.signal])
    if (signal.aborted) return
    try {
      const options = { signal, timeoutMs: REPORT_TIMEOUT_MS }
      const { disks } = await this.#client.reportCell({ status: describeCell(this.#cell) }, options)
      if (!signal.aborted) this.#takeRulings(disks)
    } catch (error) {
      // The zone master is off every path that matters here; its silence is its own alarm.
      if (!isKuraError(error) || error.code === 'stale-epoch') throw error
      this.#cell.logger.debug({ code: error.code }, 'zone master not reached')
    }
  }

  #takeRulings(rulings: readonly DiskRuling[]): void {
    const { view, table, wake, logger } = this.#cell
    const changes = rulings
      .map((ruling) => ({
        diskUuid: parseDiskUuid(ruling.diskUuid),
        state: parseDiskState(ruling.state),
      }))
      .filter(({ diskUuid, state }) => {
        const record = view.record(diskUuid)
        return record !== undefined && record.state !== state
      })
    if (changes.length === 0) return
    table.disks.setStates(changes)
    for (const { diskUuid, state } of changes) {
      const record = view.record(diskUuid)
      if (record !== undefined) view.setRecord({ ...record, state })
      logger.info({ diskUuid, state }, 'the registry ruled on a disk')
      wake.reconcile(diskUuid)
    }
    wake.keeper()
  }
}
