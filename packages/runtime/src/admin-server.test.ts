import { expect, test } from 'vitest'
import { AdminServer, type ReadinessReason } from './admin-server.ts'
import { Metrics } from './metrics.ts'

async function listen(reasons: ReadinessReason[]) {
  const metrics = new Metrics('storage-node')
  const writes = metrics.counters({
    name: 'writes_total',
    help: 'Writes.',
    labels: { code: ['ok', 'disk-full'] },
  })
  writes.of({ code: 'ok' }).inc(3)
  const server = await AdminServer.listen({
    address: '127.0.0.1:0',
    metrics,
    readiness: () => reasons,
  })
  return { server, get: async (path: string) => await fetch(`http://${server.address}${path}`) }
}

test('/readyz is 503 with the reasons while there are any, then 200', async () => {
  const reasons = [{ code: 'recovering', message: 'Extents are being scanned.' }]
  const { server, get } = await listen(reasons)
  const before = await get('/readyz')
  expect(before.status).toBe(503)
  expect(await before.json()).toEqual({ ready: false, reasons: [...reasons] })
  expect((await get('/healthz')).status).toBe(200)
  reasons.pop()
  const after = await get('/readyz')
  expect(after.status).toBe(200)
  expect(await after.json()).toEqual({ ready: true, reasons: [] })
  await server.close()
})

test('/metrics has the own metrics under the prefix, and those of the process', async () => {
  const { server, get } = await listen([])
  const text = await (await get('/metrics')).text()
  expect(text).toContain('kura_storage_node_writes_total{code="ok"} 3')
  expect(text).toContain('process_cpu_seconds_total')
  expect(text).toContain('kura_event_loop_delay_seconds_count')
  await server.close()
})

test('other paths are 404 and other methods 405', async () => {
  const { server, get } = await listen([])
  expect((await get('/')).status).toBe(404)
  const post = await fetch(`http://${server.address}/healthz`, { method: 'POST' })
  expect(post.status).toBe(405)
  await server.close()
})
