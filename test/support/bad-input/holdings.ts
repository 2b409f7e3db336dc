/** What a frontend holds for its callers, read from outside: its metrics and `/proc`. */
import { readdir, readFile, readlink } from 'node:fs/promises'
import { get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LocalZone } from '@kura/local'

const POLL_MS = 50
const KIB = 1024

export interface Holdings {
  /** Buffers, bytes of blocks, waiting requests: none when nobody asks for anything. */
  readonly buffers: number
  readonly heldBytes: number
  readonly waiters: number
  /** Connections that callers made to its doors. */
  readonly acceptedSockets: number
  /** Connections that it made to the processes behind it; a pool of them breathes. */
  readonly madeSockets: number
  /** All other descriptors: files, listeners, pipes. */
  readonly otherDescriptors: number
  readonly residentBytes: number
}

export async function readHoldings(zone: LocalZone): Promise<Holdings> {
  const frontend = zone.service('frontend-1')
  const metrics = await readPage(`http://${frontend.adminAddress}/metrics`)
  const gauge = (name: string): number =>
    Number(new RegExp(`^kura_frontend_${name} (\\S+)$`, 'm').exec(metrics)?.[1])
  const { http, block, grpc } = zone.endpoints
  const pid = frontend.pid ?? 0
  return {
    buffers: gauge('slabs_used'),
    heldBytes: gauge('held_bytes'),
    waiters: gauge('admission_waiters'),
    ...(await readDescriptors(pid, { doors: [http, block, grpc], admin: frontend.adminAddress })),
    residentBytes: await readResidentBytes(pid),
  }
}

/** Reads until it is so, or the time is over; answers the last reading. */
export async function pollHoldings(
  zone: LocalZone,
  isSo: (holdings: Holdings) => boolean,
  withinMs: number,
): Promise<Holdings> {
  const endsAtMs = performance.now() + withinMs
  for (;;) {
    const holdings = await readHoldings(zone)
    if (isSo(holdings) || performance.now() > endsAtMs) return holdings
    await sleep(POLL_MS)
  }
}

type Descriptors = Pick<Holdings, 'acceptedSockets' | 'madeSockets' | 'otherDescriptors'>

async function readDescriptors(
  pid: number,
  addresses: { readonly doors: readonly string[]; readonly admin: string },
): Promise<Descriptors> {
  const doors = addresses.doors.map(portOf)
  const admin = portOf(addresses.admin)
  const accepted = new Set<string>()
  const made = new Set<string>()
  const measuring = new Set<string>()
  const table = await readFile(`/proc/${pid}/net/tcp`, 'utf8')
  for (const line of table.split('\n').slice(1)) {
    const [, local = '', remote = '', , , , , , , inode = ''] = line.trim().split(/\s+/)
    if (remote.endsWith(':0000')) continue
    const port = Number.parseInt(local.split(':')[1] ?? '', 16)
    const kind = doors.includes(port) ? accepted : port === admin ? measuring : made
    kind.add(`socket:[${inode}]`)
  }
  const counts = { acceptedSockets: 0, madeSockets: 0, otherDescriptors: 0 }
  for (const descriptor of await readdir(`/proc/${pid}/fd`)) {
    // One that was closed since it was listed counts as none.
    const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => undefined)
    if (target === undefined || measuring.has(target)) continue
    if (accepted.has(target)) counts.acceptedSockets += 1
    else if (made.has(target)) counts.madeSockets += 1
    else counts.otherDescriptors += 1
  }
  return counts
}

function portOf(address: string): number {
  return Number(address.split(':').at(-1))
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
