/**
 * Goal: what an operator sees of a zone at work is true: the metrics, as Prometheus's own parser
 * reads them and as the page documents them, and `kura top` in a real terminal.
 *
 * Method: one zone of real processes under load from several clients at every door, with many
 * hashes, paths and names; then one storage node dies.
 */
import { spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { KuraClient } from '@kura/client'
import { ERROR_CODES } from '@kura/core'
import { BlockIndex, StorageNode, VolumeManager, ZoneMaster } from '@kura/proto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { makeBlock } from '../support/blocks.ts'
import { scrape, scrapeZone, type MetricFamily } from '../support/prometheus.ts'
import { PutLoad } from '../support/put-load.ts'
import { startScenarioZone, type ScenarioZone } from '../support/scenario-zone.ts'
import { RealTerminal } from '../support/terminal.ts'

const root = resolve(import.meta.dirname, '../..')
const program = join(root, 'packages/cli/dist/main.js')
const page = await readFile(join(root, 'deploy/METRICS.md'), 'utf8')
const PATIENCE = { timeout: 30_000 }

let scenario: ScenarioZone
let client: KuraClient
let load: PutLoad

beforeAll(async () => {
  scenario = await startScenarioZone({ restarts: false })
  const { block } = scenario.zone.endpoints
  client = new KuraClient({ servers: [block], pocket: 'local' })
  load = new PutLoad({ client, clientCount: 2, seed: 'top', sizesBytes: [4096, 70_000] })
  load.start()
})

afterAll(async () => {
  await load.stop()
  client.close()
  await scenario[Symbol.asyncDispose]()
})

/** Gets, stats and mistakes at the HTTP door, each with a path and a name of its own. */
async function callOverHttp(seed: string, count: number): Promise<void> {
  const base = `http://${scenario.zone.endpoints.http}`
  for (let serial = 0; serial < count; serial += 1) {
    const { bytes, hash } = makeBlock(`${seed}/${serial}`, 1000 + serial)
    const headers = { 'x-kura-client': `${seed}-${serial}`, 'x-request-id': `request-${serial}` }
    const path = `${base}/v1/blocks/${hash}`
    expect((await fetch(path, { method: 'PUT', body: bytes, headers })).ok).toBe(true)
    await fetch(path, { headers })
    await fetch(path, { method: 'HEAD', headers })
    await fetch(`${base}/nowhere/${seed}/${serial}`, {
      headers,
      method: serial % 2 ? 'GET' : 'PATCH',
    })
    await fetch(`${base}/v1/blocks/${'ab'.repeat(31)}${String(serial).padStart(2, '0')}`)
  }
}

interface DocumentedMetric {
  readonly name: string
  readonly type: string
  readonly labels: readonly string[]
  readonly meaning: string
}

function documentedMetrics(): readonly DocumentedMetric[] {
  return page
    .split('\n')
    .map((line) => /^\| `(\w+)` \| (\w+) \| ([\w, ]*)\| (.*) \|$/.exec(line))
    .flatMap((row) => {
      const [, name, type, labels, meaning] = row ?? []
      if (name === undefined || type === undefined || meaning === undefined) return []
      return [{ name, type, labels: (labels ?? '').split(',').map((each) => each.trim()), meaning }]
    })
}

/** Values by label, from the page; codes and methods from the source that they stand for. */
function documentedValues(): ReadonlyMap<string, ReadonlySet<string>> {
  const rows = page.split('\n').flatMap((line) => {
    const [, label, cell] = /^\| `(\w+)` \| ((?!counter|gauge|histogram).*) \|$/.exec(line) ?? []
    if (label === undefined || cell === undefined) return []
    const words = [...cell.matchAll(/`([\w-]+)`/g)].map(([, word]) => word ?? '')
    return [[label, new Set(words)] as const]
  })
  const values = new Map<string, Set<string>>(rows)
  for (const code of Object.keys(ERROR_CODES)) values.get('code')?.add(code)
  for (const service of [BlockIndex, StorageNode, VolumeManager, ZoneMaster]) {
    for (const { localName } of Object.values(service.method)) values.get('method')?.add(localName)
  }
  values.set('cell', new Set(['1']))
  return values
}

/** Labels that describe one metric only, or are Node's own. */
const FREE_LABELS = ['le', 'service', 'version', 'node', 'type', 'space', 'kind']
const VERSION_LABELS = ['major', 'minor', 'patch']

it('every metric is read by a Prometheus parser, well named, and on the page with its labels', async () => {
  await callOverHttp('first', 8)
  const documented = documentedMetrics()
  const exported = [...(await scrapeZone(scenario.zone)).values()].flat()
  expect(new Set(exported.map(({ name }) => name))).toEqual(
    new Set(documented.map(({ name }) => name)),
  )
  for (const metric of exported) {
    const row = documented.find(({ name }) => name === metric.name)
    expect(row?.type, metric.name).toBe(metric.type)
    expect(row?.meaning, metric.name).toMatch(/^[A-Z0-9].*\.$/)
    expect(metric.help, metric.name).toMatch(/\w+ ?\w+/)
    expect(metric.name.endsWith('_total'), metric.name).toBe(metric.type === 'counter')
    expect(metric.name).toMatch(/^(kura|process|nodejs)(_[a-z0-9]+)+$/)
    expect(metric.name).not.toMatch(/_(ms|millis|milliseconds|minutes|kb|kib|mib|percent)(_|$)/)
    for (const { labels } of metric.samples) {
      const names = Object.keys(labels).filter((label) => label !== 'le')
      expect(names.filter((label) => row?.labels.includes(label) !== true)).toEqual([])
    }
  }
})

it('labels have the documented values only, whatever the callers send', async () => {
  const values = documentedValues()
  for (const label of ['code', 'door', 'operation', 'method', 'share', 'state', 'winner']) {
    expect(values.get(label)?.size ?? 0, label).toBeGreaterThan(1)
  }
  const before = await countSeries()
  await callOverHttp('second', 25)
  for (const families of (await scrapeZone(scenario.zone)).values()) {
    for (const { name, samples } of families) {
      if (!name.startsWith('kura_')) continue
      for (const [label, value] of samples.flatMap(({ labels }) => Object.entries(labels))) {
        if (FREE_LABELS.includes(label) || VERSION_LABELS.includes(label)) continue
        expect(values.get(label)?.has(value), `${name}{${label}="${value}"}`).toBe(true)
      }
    }
  }
  // A code may come up for the first time; twenty-five new hashes, paths and names make no series.
  expect((await countSeries()) - before).toBeLessThan(20)
})

async function countSeries(): Promise<number> {
  const all = [...(await scrapeZone(scenario.zone)).values()].flat()
  return all
    .filter(({ name }) => name.startsWith('kura_'))
    .reduce((sum, { samples }) => sum + samples.length, 0)
}

it('what happened at the doors is what is counted', async () => {
  const families = async () => await scrape(scenario.zone.service('frontend-1'))
  const before = await families()
  await callOverHttp('third', 5)
  await callOverHttp('third', 5)
  const after = await families()
  const rise = (labels: Readonly<Record<string, string>>): number =>
    sumOf(after, 'kura_frontend_requests_total', labels) -
    sumOf(before, 'kura_frontend_requests_total', labels)
  expect(rise({ door: 'http', operation: 'putBlock', code: 'ok' })).toBe(5)
  expect(rise({ door: 'http', operation: 'putBlock', code: 'already-stored' })).toBe(5)
  expect(rise({ door: 'http', operation: 'statBlock', code: 'ok' })).toBe(10)
  expect(rise({ door: 'http', operation: 'getBlock', code: 'ok' })).toBe(10)
  expect(rise({ door: 'http', code: 'not-found' })).toBe(10)
  expect(rise({ door: 'http', code: 'path-unknown' })).toBe(10)
  expect(rise({ door: 'grpc' })).toBe(0)
  const observed = (list: readonly MetricFamily[]): number =>
    sumOf(list, 'kura_frontend_request_duration_seconds', { door: 'http' }, '_count')
  // Those with a method that no block has are no operation: six of them, without a duration.
  expect(observed(after) - observed(before)).toBe(44)
})

function sumOf(
  families: readonly MetricFamily[],
  name: string,
  labels: Readonly<Record<string, string>>,
  suffix = '',
): number {
  const samples = families.find((family) => family.name === name)?.samples ?? []
  return samples
    .filter((sample) => sample.name === name + suffix)
    .filter((sample) => Object.entries(labels).every(([key, at]) => sample.labels[key] === at))
    .reduce((sum, { value }) => sum + Number(value), 0)
}

async function kura(args: readonly string[]): Promise<{ code: number | null; out: string }> {
  const endpoints = join(scenario.zone.dataDir, 'endpoints.json')
  const child = spawn(process.execPath, [program, '--endpoints', endpoints, ...args])
  const out: Buffer[] = []
  child.stdout.on('data', (bytes: Buffer) => out.push(bytes))
  const code = await new Promise<number | null>((done) => child.on('close', done))
  return { code, out: Buffer.concat(out).toString() }
}

it('kura top prints plain text where nobody looks, and JSON for programs', async () => {
  const { code, out } = await kura(['top', '--once', '--interval', '1'])
  expect(code).toBe(0)
  expect(out).not.toContain('\u001b')
  expect(out.match(/^1-\d +in-service/gm)).toHaveLength(6)
  const address = scenario.zone.service('storage-node-1-1').adminAddress
  const args = ['top', '--once', '--interval', '0.5', '--json']
  const json = await kura([...args, '--admin', address, '--admin', '127.0.0.1:1'])
  const view = JSON.parse(json.out)
  expect(view.disks).toHaveLength(1)
  expect(view.disks[0]).toMatchObject({ id: address, state: 'up' })
  const ups = view.processes.map((one: { isUp: boolean }) => one.isUp)
  expect(ups.toSorted()).toEqual([false, true])
})

it('kura top shows the zone at work in a terminal of 80 by 24, and leaves it clean', async () => {
  const small = { columns: 80, rows: 24 }
  const script = join(scenario.zone.dataDir, 'top.sh')
  const pidFile = join(scenario.zone.dataDir, 'top.pid')
  const endpoints = join(scenario.zone.dataDir, 'endpoints.json')
  const command = `${process.execPath} ${program} --endpoints ${endpoints} top --interval 0.5`
  await writeFile(script, `echo $$ >${pidFile}\nexec ${command}\n`)
  await using terminal = await RealTerminal.open(small)
  await terminal.typeLine(`cd ${scenario.zone.dataDir}; clear; echo before`)
  await terminal.typeLine('sh top.sh')
  // The frontend's row: puts, and their times.
  const busy = /^1 +[1-9][\d.]* +[\d.]+ +[\d.]+ /m
  await expect.poll(() => terminal.text(), PATIENCE).toMatch(busy)
  const text = await terminal.text()
  expect(text).toMatch(/^kura top · zone a of pocket local · .* q quits$/m)
  expect(text.match(/^1-\d +in-service/gm)).toHaveLength(6)
  expect(text).toMatch(/^cell 1 +\d+ open \(\d+ usable\)/m)
  expect(text).toMatch(/^index +\d+ rows/m)
  expect(text.match(/(storage-node|volume-manager) 1-\d +[\d.]+ MiB/g)).toHaveLength(7)
  expect(text.split('\n').length).toBeLessThanOrEqual(24)
  expect(await terminal.text({ withStyles: true })).toContain('\u001b[7m')

  await terminal.resize({ columns: 120, rows: 40 })
  await expect.poll(() => terminal.text(), PATIENCE).toMatch(/^kura top .{104}q quits$/m)
  await terminal.resize(small)
  await expect.poll(() => terminal.text(), PATIENCE).toMatch(/^kura top .{64}q quits$/m)

  await scenario.zone.service('storage-node-1-6').kill()
  await expect.poll(() => terminal.text(), PATIENCE).toMatch(/^1-6 +down$/m)
  expect(await terminal.text()).toMatch(/ 10 processes, 1 down/)

  await terminal.typeKey('q')
  await expect.poll(() => terminal.isCleanScreen(), PATIENCE).toBe(true)
  await terminal.typeLine('echo left with $?')
  await expect.poll(() => terminal.text(), PATIENCE).toMatch(/^left with 0$/m)
  expect(await terminal.text()).toMatch(/^before$/m)
  expect(await terminal.text()).not.toContain('kura top')

  await terminal.typeLine('NO_COLOR=1 sh top.sh')
  await expect.poll(() => terminal.text(), PATIENCE).toMatch(/^kura top/m)
  expect(await terminal.text({ withStyles: true })).not.toContain('\u001b[7m')
  process.kill(Number(await readFile(pidFile, 'utf8')), 'SIGTERM')
  await expect.poll(() => terminal.isCleanScreen(), PATIENCE).toBe(true)
  await terminal.typeLine('echo ended with $?')
  await expect.poll(() => terminal.text(), PATIENCE).toMatch(/^ended with 130$/m)
})
