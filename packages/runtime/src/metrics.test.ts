import { KuraError } from '@kura/core'
import { expect, test } from 'vitest'
import { Metrics } from './metrics.ts'
import { RpcMetrics } from './rpc-metrics.ts'

function ownMetrics(): Metrics {
  return new Metrics('frontend')
}

/** The lines of one metric, without its help. */
async function linesOf(metrics: Metrics, name: string): Promise<string[]> {
  const lines = (await metrics.text()).split('\n')
  return lines.filter((line) => line.startsWith(name))
}

test('a counter is there at 0 for every combination of its labels', async () => {
  const metrics = ownMetrics()
  const puts = metrics.counters({
    name: 'puts_total',
    help: 'Puts.',
    labels: { door: ['http', 'grpc'], code: ['ok', 'overloaded'] },
  })
  puts.of({ door: 'grpc', code: 'ok' }).inc()
  puts.of({ door: 'grpc', code: 'ok' }).inc(2)
  expect(await linesOf(metrics, 'kura_frontend_puts_total')).toEqual([
    'kura_frontend_puts_total{door="http",code="ok"} 0',
    'kura_frontend_puts_total{door="http",code="overloaded"} 0',
    'kura_frontend_puts_total{door="grpc",code="ok"} 3',
    'kura_frontend_puts_total{door="grpc",code="overloaded"} 0',
  ])
})

test('a value that is in no set is counted as other, however many there are', async () => {
  const metrics = ownMetrics()
  const labels = { code: ['ok'] }
  const puts = metrics.counters({ name: 'puts_total', help: 'Puts.', labels })
  for (let serial = 0; serial < 1000; serial += 1) puts.of({ code: `made up ${serial}` }).inc()
  expect(await linesOf(metrics, 'kura_frontend_puts_total')).toEqual([
    'kura_frontend_puts_total{code="ok"} 0',
    'kura_frontend_puts_total{code="other"} 1000',
  ])
})

test('a histogram counts what is at or below each bound, and all in +Inf', async () => {
  const metrics = ownMetrics()
  const seconds = metrics.histogram({ name: 'x_seconds', help: 'X.', buckets: [0.5, 1] })
  for (const value of [0.25, 0.5, 0.75, 8]) seconds.observe(value)
  expect(await linesOf(metrics, 'kura_frontend_x_seconds')).toEqual([
    'kura_frontend_x_seconds_bucket{le="0.5"} 2',
    'kura_frontend_x_seconds_bucket{le="1"} 3',
    'kura_frontend_x_seconds_bucket{le="+Inf"} 4',
    'kura_frontend_x_seconds_sum 9.5',
    'kura_frontend_x_seconds_count 4',
  ])
})

test('a gauge that cannot be read is left out, and the others are there', async () => {
  const metrics = ownMetrics()
  metrics.gauge({
    name: 'rows',
    help: 'Rows.',
    read: () => {
      throw new KuraError('unavailable', 'the database has failed')
    },
  })
  metrics.gauges({ name: 'disks', help: 'Disks.', label: 'state', read: () => ({ out: 2 }) })
  expect(await linesOf(metrics, 'kura_frontend_rows')).toEqual([])
  expect(await linesOf(metrics, 'kura_frontend_disks')).toEqual([
    'kura_frontend_disks{state="out"} 2',
  ])
})

test('a name that says the wrong kind of metric is a bug', () => {
  const metrics = ownMetrics()
  expect(() => metrics.counter({ name: 'puts', help: 'Puts.' })).toThrow('_total')
  expect(() => metrics.gauge({ name: 'x_total', help: 'X.', read: () => 0 })).toThrow('_total')
  expect(() => metrics.gauge({ name: 'openVolumes', help: 'X.', read: () => 0 })).toThrow('words')
  metrics.counter({ name: 'puts_total', help: 'Puts.' })
  expect(() => metrics.counter({ name: 'puts_total', help: 'Puts.' })).toThrow('once')
})

test('calls are counted by method and code; what only lasts has no duration', async () => {
  const metrics = ownMetrics()
  const calls = new RpcMetrics(metrics, [
    { localName: 'locate', methodKind: 'unary' },
    { localName: 'watchMap', methodKind: 'server_streaming' },
  ])
  calls.observe({ method: 'locate', code: 'not-found', durationMs: 2 })
  calls.observe({ method: 'watchMap', code: 'cancelled', durationMs: 3_600_000 })
  const lines = await linesOf(metrics, 'kura_frontend_call')
  expect(lines).toContain('kura_frontend_calls_total{method="locate",code="internal"} 0')
  expect(lines).toContain('kura_frontend_calls_total{method="locate",code="not-found"} 1')
  expect(lines).toContain('kura_frontend_calls_total{method="watchMap",code="cancelled"} 1')
  expect(lines.filter((line) => line.includes('_count'))).toEqual([
    'kura_frontend_call_duration_seconds_count{method="locate"} 1',
  ])
})
