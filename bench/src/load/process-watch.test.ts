import { hash } from 'node:crypto'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { ProcessWatch } from './process-watch.ts'

it('adds up by group what is spent while it watches, and shows memory by name', () => {
  const own = { name: 'own-1', group: 'own', pid: process.pid }
  const watch = new ProcessWatch(() => [own])
  const bytes = Buffer.alloc(1024 * 1024)
  const startedAt = process.cpuUsage()
  let used = 0
  while (used < 300_000) {
    hash('sha256', bytes)
    const { user, system } = process.cpuUsage(startedAt)
    used = user + system
  }
  const { processorSeconds, residentMib } = watch.end()
  expect(processorSeconds['own']).toBeGreaterThan(0.25)
  expect(processorSeconds['own']).toBeLessThan(30)
  expect(residentMib['own-1']).toBeGreaterThan(10)
})

it('a process that has died meanwhile keeps what it had', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  const pid = child.pid ?? expect.fail('it was not started')
  const watch = new ProcessWatch(() => [{ name: 'child', group: 'children', pid }])
  child.kill('SIGKILL')
  await once(child, 'exit')
  const { processorSeconds, residentMib } = watch.end()
  expect(processorSeconds['children']).toBeGreaterThanOrEqual(0)
  expect(residentMib['child']).toBeGreaterThan(0)
})
