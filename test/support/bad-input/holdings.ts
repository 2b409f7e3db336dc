/** What a process holds for its callers, read from outside: its metrics and `/proc`. */
import { readdir, readFile, readlink } from 'node:fs/promises'
import { get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { KIB } from '@kura/core'
import type { LocalService } from '@kura/local'

const POLL_MS = 20
/** The end of 127.9.0.x, where bad callers come from, as the kernel writes it. */
const BAD_CALLERS = '00097F'

/** Also by the name under which it was made, which is gone. */
const EXTENT = /\.extent( \(deleted\))?$/

export interface Holdings {
  readonly pid: number
  /** Buffers, bytes of blocks, waiting requests: none when nobody asks for anything. */
  readonly buffers: number
  readonly heldBytes: number
  readonly waiters: number
  /** Connections of bad callers. */
  readonly badSockets: number
  /** Connections with everybody else: pools of them breathe. */
  readonly otherSockets: number
  /** All other descriptors but extents, which come with what is stored: files, listeners, pipes. */
  readonly otherDescriptors: number
  readonly residentBytes: number
}

/** Of a frontend, or of a storage node. */
export async function readHoldings(service: LocalService): Promise<Holdings> {
  const { pid, adminAddress, kind } = service
  if (pid === undefined) throw new Error(`${service.name} is dead`)
  const metrics = await readPage(`http://${adminAddress}/metrics`)
  const gauge = (name: string): number => sumOf(metrics, `kura_${kind.replace('-', '_')}_${name}`)
  const isFrontend = kind === 'frontend'
  return {
    pid,
    buffers: gauge('slabs_used'),
    heldBytes: isFrontend ? gauge('held_bytes') : 0,
    waiters: gauge(isFrontend ? 'admission_waiters' : 'slab_waiters'),
    ...(await readDescriptors(pid, adminAddress)),
    residentBytes: await readResidentBytes(pid),
  }
}

/** Reads until it is so, or the time is over; answers the last reading. */
export async function pollHoldings(
  service: LocalService,
  isSo: (holdings: Holdings) => boolean,
  withinMs: number,
): Promise<Holdings> {
  const endsAtMs = performance.now() + withinMs
  for (;;) {
    const holdings = await readHoldings(service)
    if (isSo(holdings) || performance.now() > endsAtMs) return holdings
    await sleep(POLL_MS)
  }
}

/** Over all labels; NaN, which equals nothing, where there is no such metric. */
function sumOf(metrics: string, name: string): number {
  const values = [...metrics.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))]
  if (values.length === 0) return Number.NaN
  return values.reduce((sum, [, value]) => sum + Number(value), 0)
}

type Descriptors = Pick<Holdings, 'badSockets' | 'otherSockets' | 'otherDescriptors'>

async function readDescriptors(pid: number, adminAddress: string): Promise<Descriptors> {
  const admin = Number(adminAddress.split(':').at(-1))
  const bad = new Set<string>()
  const other = new Set<string>()
  const measuring = new Set<string>()
  const table = await readFile(`/proc/${pid}/net/tcp`, 'utf8')
  for (const line of table.split('\n').slice(1)) {
    const [, local = '', remote = '', , , , , , , inode = ''] = line.trim().split(/\s+/)
    const [remoteAddress = '', remotePort] = remote.split(':')
    if (remotePort === '0000') continue
    const port = Number.parseInt(local.split(':')[1] ?? '', 16)
    const isBad = remoteAddress.startsWith(BAD_CALLERS, 2)
    const kind = port === admin ? measuring : isBad ? bad : other
    kind.add(`socket:[${inode}]`)
  }
  const counts = { badSockets: 0, otherSockets: 0, otherDescriptors: 0 }
  for (const descriptor of await readdir(`/proc/${pid}/fd`)) {
    // One that was closed since it was listed counts as none.
    const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => undefined)
    if (target === undefined || measuring.has(target) || EXTENT.test(target)) continue
    if (bad.has(target)) counts.badSockets += 1
    else if (other.has(target)) counts.otherSockets += 1
    else counts.otherDescriptors += 1
  }
  return counts
}

/** On a connection of its own, which is closed behind it: it must not be counted. */
function readPage(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false }, (response) => {
      const pieces: Buffer[] = []
      response.on('data', (piece: Buffer) => pieces.push(piece))
      response.on('end', () => resolve(Buffer.concat(pieces).toString('utf8')))
      response.on('error', reject)
    })
    request.on('error', reject)
  })
}

async function readResidentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * KIB
}
