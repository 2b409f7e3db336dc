/** Ceph's own load generator on the same row: whether our driver does Ceph justice. */
import { runProgram } from './ceph-programs.ts'
import { POOL } from './ceph-settings.ts'
import type { PeerRow } from './peer-rows.ts'

export interface RadosBench {
  readonly seconds: number
  readonly operations: number
}

export async function runRadosBench(
  row: PeerRow,
  options: {
    /** The path of ceph.conf. */
    readonly conf: string
    readonly seconds: number
    readonly mostOperations: number
  },
): Promise<RadosBench> {
  const { operation, sizeBytes, clients } = row
  const length = [String(options.seconds)]
  const writes = ['-b', String(sizeBytes), '--max-objects', String(options.mostOperations)]
  const output = await runProgram('rados', [
    ...['--conf', options.conf, '--pool', POOL, '--format', 'json', 'bench', ...length],
    ...(operation === 'put' ? ['write', '--no-cleanup', ...writes] : ['rand']),
    ...['-t', String(clients), '--run-name', `check-${sizeBytes}-${clients}`],
  ])
  return parseRadosBench(output)
}

/** Throws where the output is not that of `rados bench --format json`. */
export function parseRadosBench(output: string): RadosBench {
  // Lines for people may come before.
  const found: unknown = JSON.parse(output.slice(output.indexOf('{')))
  const read = (name: string): number => {
    const value: unknown = Object.entries(found ?? {}).find(([key]) => key === name)?.[1]
    return value === undefined ? NaN : Number(value)
  }
  const seconds = read('total_time_run')
  const writes = read('total_writes_made')
  const operations = Number.isNaN(writes) ? read('total_reads_made') : writes
  if (!(seconds > 0) || Number.isNaN(operations)) {
    throw new Error('rados bench has answered in another form')
  }
  return { seconds, operations }
}
