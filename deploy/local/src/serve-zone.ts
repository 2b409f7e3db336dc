/** A zone in the foreground: a ready line, then service until somebody wants it to stop. */
import { describeBytes } from './disk-space.ts'
import { LocalZone } from './local-zone.ts'
import type { CommandLine } from './options.ts'
import type { StopRequest } from './stop-request.ts'
import { preallocation } from './zone-plan.ts'

export interface ServeZoneOptions extends CommandLine {
  readonly dataDir: string
  readonly stop: StopRequest
  readonly tell: (line: string) => void
}

/** Answers the exit code: 0 where every service stopped by itself. */
export async function serveZone(options: ServeZoneOptions): Promise<number> {
  const { stop, tell } = options
  tell(`starting a zone with its data in ${options.dataDir}`)
  const zone = await LocalZone.start({ ...options, signal: stop.signal })
  const { mostBytes } = preallocation(zone.shape.cells, zone.shape.bucketSizeBytes)
  const taken = describeBytes(await zone.allocatedBytes())
  tell(`${taken} on disk, of which open buckets take at most ${describeBytes(mostBytes)}`)
  const { http, block, grpc, zoneMaster } = zone.endpoints
  tell(`ready: http ${http} · blocks ${block} · grpc ${grpc} · zone master ${zoneMaster}`)
  tell(`try: curl -sS --data-binary 'hello, kura' http://${http}/v1/blocks`)
  const reason = await stop.wait()
  tell(`stopping (${reason})`)
  const killed = await zone.stop()
  tell(killed.length === 0 ? 'stopped; the data stays' : `stopped; killed: ${killed.join(', ')}`)
  return killed.length === 0 ? 0 : 1
}
