import { expect, it } from 'vitest'
import { renderFrame, type Line } from './frame.ts'
import { MetricsPage } from './metrics-page.ts'
import type { Reading, Target } from './reading.ts'
import { computeView, type TopView } from './view.ts'

const GOLDEN = '../../../../test/golden'
const INTERVAL_MS = 2_000

interface Process {
  readonly target: Target
  readonly before: string
  /** Undefined: it does not answer any more. */
  readonly now: string | undefined
}

function processOf(kind: string, id: string, lines: (step: number) => readonly string[]): Process {
  const page = (step: number): string =>
    [
      `process_start_time_seconds 1`,
      `process_resident_memory_bytes ${(100 + id.length) * 1024 * 1024}`,
      `process_cpu_seconds_total ${step * 0.5}`,
      ...buckets('kura_event_loop_delay_seconds', '', [20 * step, 20 * step]),
      ...lines(step),
      '',
    ].join('\n')
  return { target: { kind, id, address: `${kind}:${id}` }, before: page(1), now: page(2) }
}

/** Cumulative counts up to 1 ms and up to 10 ms. */
function buckets(name: string, labels: string, counts: readonly [number, number]): string[] {
  const line = (le: string, count: number): string => `${name}_bucket{${labels}le="${le}"} ${count}`
  return [line('0.001', counts[0]), line('0.01', counts[1]), line('+Inf', counts[1])]
}

function frontend(id: string): Process {
  const request = (door: string, operation: string, code: string): string =>
    `kura_frontend_requests_total{door="${door}",operation="${operation}",code="${code}"}`
  return processOf('frontend', id, (step) => [
    `${request('block', 'putBlock', 'ok')} ${step * 200}`,
    `${request('http', 'putBlock', 'ok')} ${step * 40}`,
    `${request('http', 'putBlock', 'overloaded')} ${step * 8}`,
    `${request('http', 'getBlock', 'not-found')} ${step * 3}`,
    `${request('block', 'getBlock', 'ok')} ${step * 3000}`,
    ...['block', 'http'].flatMap((door) =>
      buckets(
        'kura_frontend_request_duration_seconds',
        `door="${door}",operation="putBlock",outcome="ok",`,
        [step * 50, step * 100],
      ),
    ),
    `kura_frontend_received_bytes_total{door="http"} ${step * 3 * 1024 * 1024}`,
    `kura_frontend_sent_bytes_total{door="block"} ${step * 90 * 1024 * 1024}`,
    'kura_frontend_slabs 32',
    'kura_frontend_slabs_used 12',
    'kura_frontend_held_bytes 3250585',
    'kura_frontend_admission_waiters 5',
    `kura_frontend_admission_refusals_total{code="overloaded"} ${step * 8}`,
    `kura_frontend_degraded_reads_total ${step}`,
    'kura_frontend_connections{door="http"} 7',
    'kura_frontend_connections{door="block"} 16',
  ])
}

function node(id: string, changes: Readonly<Record<string, number>> = {}): Process {
  const { suspect = 0, damages = 0 } = changes
  return processOf('storage-node', id, (step) => [
    `kura_storage_node_written_bytes_total ${step * 6 * 1024 * 1024}`,
    `kura_storage_node_read_bytes_total ${step * 2048}`,
    ...buckets('kura_storage_node_sync_duration_seconds', '', [step * 90, step * 100]),
    `kura_storage_node_append_batch_records_sum ${step * 150}`,
    `kura_storage_node_append_batch_records_count ${step * 100}`,
    'kura_storage_node_queued_appends 2',
    `kura_storage_node_disk_size_bytes ${1024 ** 4}`,
    `kura_storage_node_disk_free_bytes ${1024 ** 4 / 4}`,
    `kura_storage_node_suspect ${suspect}`,
    `kura_storage_node_damages ${damages}`,
  ])
}

function manager(id: string, leading: number): Process {
  return processOf('volume-manager', id, () => [
    `kura_volume_manager_leading ${leading}`,
    `kura_volume_manager_volumes{state="open"} ${6 * leading}`,
    `kura_volume_manager_volumes{state="closing"} ${leading}`,
    `kura_volume_manager_volumes{state="closed"} ${1204 * leading}`,
    `kura_volume_manager_usable_volumes ${5 * leading}`,
    `kura_volume_manager_under_replicated_volumes 0`,
    `kura_volume_manager_alarms 0`,
  ])
}

function index(): Process {
  return processOf('block-index', '1', (step) => [
    'kura_block_index_rows 1234567',
    'kura_block_index_waiting_operations 3',
    `kura_block_index_commit_operations_sum ${step * 500}`,
    `kura_block_index_commit_operations_count ${step * 100}`,
    ...buckets('kura_block_index_commit_duration_seconds', '', [0, step * 100]),
  ])
}

function zoneMaster(): Process {
  return processOf('zone-master', '1', () => ['kura_zone_master_leading 1'])
}

function viewOf(processes: readonly Process[], before = true): TopView {
  const readings = (text: (one: Process) => string | undefined, atMs: number): Reading[] =>
    processes.map((one) => {
      const page = text(one)
      return {
        target: one.target,
        atMs,
        page: page === undefined ? undefined : new MetricsPage(page),
      }
    })
  const states = processes.map(({ target }): [string, string] => [target.id, 'in-service'])
  return {
    title: 'zone a of pocket local',
    atMs: Date.UTC(2030, 0, 1, 12, 34, 56),
    intervalMs: INTERVAL_MS,
    problem: undefined,
    ...computeView({
      now: readings(({ now }) => now, INTERVAL_MS),
      before: before ? readings((one) => one.before, 0) : [],
      diskStates: new Map(states),
    }),
  }
}

function zone(nodes: readonly Process[]): Process[] {
  return [frontend('1'), index(), zoneMaster(), manager('1-1', 1), ...nodes]
}

const SIX = ['1-1', '1-2', '1-3', '1-4', '1-5', '1-6']
const SMALL = { columns: 80, rows: 24, keys: 'q quits' }

function textOf(lines: readonly Line[]): string {
  return `${lines.map(({ text }) => text.trimEnd()).join('\n')}\n`
}

it('a zone of six disks fits into 80 by 24', async () => {
  const lines = renderFrame(viewOf(zone(SIX.map((id) => node(id)))), SMALL)
  expect(lines.length).toBeLessThanOrEqual(24)
  await expect(textOf(lines)).toMatchFileSnapshot(`${GOLDEN}/kura-top-80x24.txt`)
})

it('what is down, suspect or damaged is said, and a standby is not a cell of its own', async () => {
  const ill = [node('1-2', { suspect: 1 }), node('1-3', { damages: 4 })]
  const down = { ...node('1-1'), now: undefined }
  const processes = [...zone([down, ...ill]), manager('1-2', 0)]
  const view = { ...viewOf(processes), problem: 'The zone master does not answer.' }
  const lines = renderFrame(view, { columns: 120, rows: 40, keys: 'q quits' })
  const bad = lines.filter(({ tone }) => tone === 'bad').map(({ text }) => text.slice(0, 16))
  expect(bad).toContain('1-1   down')
  await expect(textOf(lines)).toMatchFileSnapshot(`${GOLDEN}/kura-top-120x40.txt`)
})

it('before the second reading there are no rates, and nothing is made up', () => {
  const text = textOf(renderFrame(viewOf(zone([node('1-1')]), false), SMALL))
  expect(text).toMatch(/^1 +- +- +- +- +- +- +- +- +-$/m)
  expect(text).toContain('buffers 12/32')
  expect(text).not.toMatch(/NaN|undefined|Infinity/)
})

it('a process that was started anew is not compared with its earlier life', () => {
  const again = node('1-1')
  const now = again.now?.replace('process_start_time_seconds 1', 'process_start_time_seconds 9')
  const [disk] = viewOf([{ ...again, now }]).disks
  expect(disk).toMatchObject({ state: 'in-service', writtenBytesPerSecond: undefined })
})

it('where room is short what is in trouble comes first, and the rest is counted', () => {
  const many = Array.from({ length: 40 }, (_, at) => node(`1-${at + 1}`))
  const last = node('1-41', { suspect: 1 })
  for (const rows of [24, 16, 10, 3, 1]) {
    const lines = renderFrame(viewOf(zone([...many, last])), { ...SMALL, rows })
    expect(lines.length).toBe(rows)
    expect(lines.every(({ text }) => text.length <= 80)).toBe(true)
  }
  const text = textOf(renderFrame(viewOf(zone([...many, last])), SMALL))
  expect(text).toMatch(/^1-41 +suspect/m)
  expect(text).toMatch(/^… and \d+ more rows$/m)
})

it('labels are read with their escapes, and lines that are none are left out', () => {
  const page = new MetricsPage('# HELP x X\nx{a="1",b="q\\"}\\\\\\n"} 2\nx 3e2\nnot a line\n')
  expect(page.sum('x')).toBe(302)
  expect(page.figures('x', { a: '1' })[0]?.labels['b']).toBe('q"}\\\n')
})
