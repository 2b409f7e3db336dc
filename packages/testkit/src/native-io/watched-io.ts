/** The inside of a program that runs with `watch-io.c`: what to fail, and what was done. */
import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import { constants } from 'node:os'

export const CONTROL_BYTES = 32

const KINDS = [
  'create',
  'read',
  'write',
  'sync',
  'cut',
  'unlink',
  'link',
  'mkdir',
  'rename',
] as const
export type WatchedKind = (typeof KINDS)[number]

export interface WatchedFault {
  readonly name: string
  readonly kinds: readonly WatchedKind[]
  readonly code: 'EIO' | 'ENOSPC'
  /** The first half of a write arrives, and the count says so. */
  readonly isShort: boolean
  readonly lasts: 'once' | 'for-ever'
}

const CHANGES = KINDS.filter((kind) => kind !== 'read' && kind !== 'sync')
const FAULTS: readonly Omit<WatchedFault, 'lasts'>[] = [
  { name: 'EIO', kinds: [...CHANGES, 'read'], code: 'EIO', isShort: false },
  { name: 'ENOSPC', kinds: ['create', 'write', 'cut'], code: 'ENOSPC', isShort: false },
  { name: 'short write', kinds: ['write'], code: 'ENOSPC', isShort: true },
  { name: 'failed sync', kinds: ['sync'], code: 'EIO', isShort: false },
]

export const WATCHED_FAULTS: readonly WatchedFault[] = FAULTS.flatMap((fault) =>
  (['once', 'for-ever'] as const).map((lasts) => ({ ...fault, lasts })),
)

/** One call as the trace has it; `isFailed` only for syncs, which lost what they covered. */
export interface TracedCall {
  readonly kind: WatchedKind
  readonly isFailed: boolean
  /** Below the watched directory. */
  readonly path: string
  readonly offsetBytes: number
  readonly data: Buffer
}

export class WatchedIo {
  /** Calls below it are watched. */
  readonly directory = variable('KURA_IO_DIRECTORY')
  readonly #control = openSync(variable('KURA_IO_CONTROL'), 'r+')
  readonly #trace = openSync(variable('KURA_IO_TRACE'), 'r')

  /** From now on the fault befalls the nth call that it can befall. */
  arm(fault: WatchedFault, nth: number): void {
    const kinds = fault.kinds.reduce((bits, kind) => bits | (1 << (KINDS.indexOf(kind) + 1)), 0)
    const words = [1, nth, fault.lasts === 'for-ever' ? 1 : 0, kinds]
    words.push(constants.errno[fault.code], fault.isShort ? 1 : 0, 0, 0)
    writeSync(this.#control, Buffer.from(Uint32Array.from(words).buffer), 0, CONTROL_BYTES, 0)
  }

  /** The disk works again; how often the fault was met. */
  disarm(): number {
    const bytes = Buffer.alloc(CONTROL_BYTES)
    readSync(this.#control, bytes, 0, CONTROL_BYTES, 0)
    writeSync(this.#control, Buffer.alloc(4), 0, 4, 0)
    return bytes.readUInt32LE(28)
  }

  /** The end of the trace. */
  position(): number {
    return fstatSync(this.#trace).size
  }

  calls(startBytes: number, endBytes: number): readonly TracedCall[] {
    const bytes = Buffer.alloc(endBytes - startBytes)
    readSync(this.#trace, bytes, 0, bytes.length, startBytes)
    const calls: TracedCall[] = []
    for (let at = 0; at < bytes.length;) {
      const kind = KINDS[bytes.readUInt8(at) - 1]
      if (kind === undefined) throw new Error('the trace is not one of watch-io.c')
      const pathEnd = at + 16 + bytes.readUInt16LE(at + 2)
      const dataEnd = pathEnd + bytes.readUInt32LE(at + 4)
      calls.push({
        kind,
        isFailed: bytes.readUInt8(at + 1) === 1,
        path: bytes.toString('utf8', at + 16, pathEnd),
        offsetBytes: Number(bytes.readBigUInt64LE(at + 8)),
        data: bytes.subarray(pathEnd, dataEnd),
      })
      at = dataEnd
    }
    return calls
  }

  close(): void {
    closeSync(this.#control)
    closeSync(this.#trace)
  }
}

function variable(name: string): string {
  const value = process.env[name]
  if (value === undefined) throw new Error(`this program is started by runWithWatchedIo: ${name}`)
  return value
}
