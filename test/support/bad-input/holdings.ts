/** What a frontend holds for its callers, read from outside: its metrics and `/proc`. */
import { readdir, readFile, readlink } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LocalZone } from '@kura/local'

const POLL_MS = 50
const KIB = 1024

export interface Holdings {
  /** Buffers, bytes of blocks and waiting requests: all 0 when nobody asks for anything. */
  readonly buffers: number
  readonly heldBytes: number
  readonly waiters: number
  readonly acceptedSockets: number
  /** Descriptors that are no connection of a caller: files, listeners, connections it made. */
  readonly otherDescriptors: number
  readonly residentBytes: number
}

export async function readHoldings(zone: LocalZone): Promise<Holdings> {
  const frontend = zone.service('frontend-1')
  const metrics = await (await fetch(`http://${frontend.adminAddress}/metrics`)).text()
  const gauge = (name: string): number =>
    Number(new RegExp(`^kura_frontend_${name} (\\S+)$`, 'm').exec(metrics)?.[1])
  const ports = [zone.endpoints.http, zone.endpoints.block].map((address) =>
    Number(address.split(':')[1]),
  )
  const { accepted, others } = await readDescriptors(frontend.pid ?? 0, ports)
  return {
    buffers: gauge('slabs_used'),
    heldBytes: gauge('held_bytes'),
    waiters: gauge('admission_waiters'),
    acceptedSockets: accepted,
    otherDescriptors: others,
    residentBytes: await readResidentBytes(frontend.pid ?? 0),
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

async function readDescriptors(
  pid: number,
  ports: readonly number[],
): Promise<{ readonly accepted: number; readonly others: number }> {
  const ofCallers = new Set<string>()
  const table = await readFile(`/proc/${pid}/net/tcp`, 'utf8')
  for (const line of table.split('\n').slice(1)) {
    const [, local = '', remote = '', , , , , , , inode = ''] = line.trim().split(/\s+/)
    const isListener = remote.endsWith(':0000')
    const port = Number.parseInt(local.split(':')[1] ?? '', 16)
    if (!isListener && ports.includes(port)) ofCallers.add(`socket:[${inode}]`)
  }
  let accepted = 0
  let others = 0
  for (const descriptor of await readdir(`/proc/${pid}/fd`)) {
    // One that was closed since it was listed counts as none.
    const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => undefined)
    if (target === undefined) continue
    if (ofCallers.has(target)) accepted += 1
    else others += 1
  }
  return { accepted, others }
}

async function readResidentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * KIB
}
