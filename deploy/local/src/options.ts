/** The command line of `npm start`. */
import { parseArgs } from 'node:util'
import { resolve } from 'node:path'
import { GIB, KIB, KuraError, MIB } from '@kura/core'
import { repositoryRoot } from './repository.ts'

export interface CommandLine {
  readonly help: boolean
  readonly demoPath: string | undefined
  /** Undefined where none was given: `.kura`, and a folder below it for the demo. */
  readonly dataDir: string | undefined
  readonly cells: number | undefined
  readonly nodes: number | undefined
  readonly bucketSizeBytes: number | undefined
  readonly portBase: number | undefined
  readonly restarts: boolean
  readonly powerCutDisks: boolean
}

export const HELP = `Starts a zone on this machine: one cell of six storage nodes, each service a
process of its own on 127.0.0.1. Ctrl-C stops it; the data stays.

  npm start                         starts it, with its data in .kura
  npm start -- --nodes 9            … with nine storage nodes (a new zone only)
  npm start -- --power-cut-disks --data DIR
                                    a zone whose disks kura prove can cut the power of
  npm start -- --demo PATH          stores the tree at PATH, kills a storage node and the volume
                                    manager on the way, and shows that nothing is lost

Options:
  --data DIR          where the data is (default .kura)
  --cells N           cells of a new zone, 1 to 8 (default 1)
  --nodes N           storage nodes of each cell of a new zone, 3 to 64 (default 6)
  --bucket-size SIZE  bytes of a bucket, 16MiB to 1GiB (default: 256MiB with one cell); the zone
                      preallocates at most 30 times this for each cell
  --port-base N       HTTP listens at N (default 7420), the block transport at N+1, the zone master
                      at N+2, gRPC at N+3; 0 takes free ports
  --no-restart        a service that dies stays dead
  --power-cut-disks   storage nodes of a new zone on disks whose power kura prove can cut; needs
                      root, FUSE and a C compiler
  --demo PATH         the demo; with its own data, which is removed when all went well
  --help              this text
`

const UNITS: Readonly<Record<string, number>> = { '': 1, kib: KIB, mib: MIB, gib: GIB }
const BUCKET_SIZE_BYTES_MIN = 16 * MIB
const BUCKET_SIZE_BYTES_MAX = GIB

/** Throws `invalid-argument`. Relative paths are relative to `callerFolder`. */
export function parseCommandLine(args: readonly string[], callerFolder: string): CommandLine {
  const values = parseValues(args)
  if (values.demo !== undefined && values['power-cut-disks'] === true) {
    throw new KuraError(
      'invalid-argument',
      '--power-cut-disks is for a zone that stays, not --demo',
    )
  }
  return {
    help: values.help ?? false,
    demoPath: values.demo === undefined ? undefined : resolve(callerFolder, values.demo),
    dataDir: values.data === undefined ? undefined : resolve(callerFolder, values.data),
    cells: parseNumber('--cells', values.cells),
    nodes: parseNumber('--nodes', values.nodes),
    bucketSizeBytes: parseBucketSize(values['bucket-size']),
    portBase: parseNumber('--port-base', values['port-base']),
    restarts: values['no-restart'] !== true,
    powerCutDisks: values['power-cut-disks'] === true,
  }
}

export const DEFAULT_DATA_DIR = resolve(repositoryRoot, '.kura')

function parseValues(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      strict: true,
      options: {
        help: { type: 'boolean', short: 'h' },
        demo: { type: 'string' },
        data: { type: 'string' },
        cells: { type: 'string' },
        nodes: { type: 'string' },
        'bucket-size': { type: 'string' },
        'port-base': { type: 'string' },
        'no-restart': { type: 'boolean' },
        'power-cut-disks': { type: 'boolean' },
      },
    }).values
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new KuraError('invalid-argument', message, { cause: error, hint: 'see --help' })
  }
}

function parseNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,6}$/.test(text)) return Number(text)
  throw new KuraError('invalid-argument', `${name} is a number, not "${text}"`)
}

function parseBucketSize(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const match = /^(\d{1,12})\s*([kmg]ib)?$/i.exec(text)
  const sizeBytes = Number(match?.[1]) * (UNITS[match?.[2]?.toLowerCase() ?? ''] ?? Number.NaN)
  const isFit = sizeBytes >= BUCKET_SIZE_BYTES_MIN && sizeBytes <= BUCKET_SIZE_BYTES_MAX
  if (isFit && sizeBytes % MIB === 0) return sizeBytes
  throw new KuraError('invalid-argument', '--bucket-size is whole MiB, from 16MiB to 1GiB')
}
