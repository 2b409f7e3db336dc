/** What the processes of a zone serve on /metrics, as Prometheus's own parser understands it. */
import { spawn } from 'node:child_process'
import type { LocalZone } from '@kura/local'

const PYTHON = '/usr/bin/python3'
const PROGRAM = `
import json, sys
from prometheus_client.parser import text_string_to_metric_families
print(json.dumps([
    {"name": family.name, "type": family.type, "help": family.documentation,
     "samples": [{"name": s.name, "labels": s.labels, "value": str(s.value)}
                 for s in family.samples]}
    for family in text_string_to_metric_families(sys.stdin.read())]))
`

export interface MetricFamily {
  /** As it is exported; a counter's ends in \`_total\`. */
  readonly name: string
  readonly type: string
  readonly help: string
  readonly samples: readonly {
    readonly name: string
    readonly labels: Readonly<Record<string, string>>
    readonly value: string
  }[]
}

/** By service name, e.g. `storage-node-1-3`. */
export async function scrapeZone(
  zone: LocalZone,
): Promise<ReadonlyMap<string, readonly MetricFamily[]>> {
  const scraped = zone.services.map(
    async (service) => [service.name, await scrape(service)] as const,
  )
  return new Map(await Promise.all(scraped))
}

export async function scrape(service: {
  readonly adminAddress: string
}): Promise<readonly MetricFamily[]> {
  const answer = await fetch(`http://${service.adminAddress}/metrics`)
  return await parseMetrics(await answer.text())
}

/** Throws what the parser says. Needs Debian's python3-prometheus-client. */
async function parseMetrics(text: string): Promise<readonly MetricFamily[]> {
  const child = spawn(PYTHON, ['-c', PROGRAM], { stdio: ['pipe', 'pipe', 'pipe'] })
  const [out, err]: [Buffer[], Buffer[]] = [[], []]
  child.stdout.on('data', (bytes: Buffer) => out.push(bytes))
  child.stderr.on('data', (bytes: Buffer) => err.push(bytes))
  child.stdin.end(text)
  const code = await new Promise<number | null>((done) => child.on('close', done))
  if (code !== 0) throw new Error(`the parser refuses it: ${Buffer.concat(err).toString()}`)
  const families: MetricFamily[] = JSON.parse(Buffer.concat(out).toString())
  // The parser names a counter without its suffix, as the later format does.
  return families.map((family) =>
    family.type === 'counter' ? { ...family, name: `${family.name}_total` } : family,
  )
}
