/** What is compared: a system that is started on new data, measured run by run, and removed. */
import type { System } from '../results/sample.ts'
import type { MeasuredRun, RunLength } from './measure-driver.ts'
import type { PeerRow } from './peer-rows.ts'

export interface PlannedRun {
  readonly row: PeerRow
  readonly system: System
}

export interface Peer {
  readonly name: 'kura' | 'ceph'
  /** How a row is run: once, or once for each system that it is compared as. */
  planRuns(row: PeerRow): readonly PlannedRun[]
  /** Resolves when it is ready. All that it keeps lies in `folder`, which is new. */
  start(folder: string): Promise<RunningPeer>
}

/** No process of it is left when it is disposed of. */
export interface RunningPeer extends AsyncDisposable {
  /** All that was put, one copy of it. */
  readonly storedBytes: number
  /** Of what a get of this row chooses from. */
  setBytesOf(row: PeerRow): number
  /** A get reads what the put of its size and clients has stored here before. */
  measure(run: PlannedRun, length: RunLength): Promise<MeasuredRun>
  /** The system's own tool on this row, where it has one. A get reads what its put has stored. */
  crossCheck(
    row: PeerRow,
    length: Omit<RunLength, 'warmUpSeconds'>,
  ): Promise<Pick<MeasuredRun, 'seconds' | 'operations'> | undefined>
  /** Reads all that this row has put, and verifies it; for rows that no get follows. */
  readBack(row: PeerRow): Promise<void>
}

/** What puts have stored, for the gets of the same size and clients. */
export class StoredByRow<Stored> {
  readonly #nothing: Stored
  readonly #stored = new Map<string, { readonly what: Stored; readonly bytes: number }>()

  constructor(nothing: Stored) {
    this.#nothing = nothing
  }

  /** Of all puts. */
  get sumBytes(): number {
    return [...this.#stored.values()].reduce((sum, { bytes }) => sum + bytes, 0)
  }

  keep(put: PeerRow, what: Stored, blockCount: number): void {
    this.#stored.set(keyOf(put), { what, bytes: blockCount * put.sizeBytes })
  }

  of(row: PeerRow): Stored {
    return this.#stored.get(keyOf(row))?.what ?? this.#nothing
  }

  bytesOf(row: PeerRow): number {
    return this.#stored.get(keyOf(row))?.bytes ?? 0
  }
}

function keyOf({ sizeBytes, clients }: PeerRow): string {
  return `${sizeBytes} × ${clients}`
}
