import { spawn } from 'node:child_process'
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock, KuraError } from '@kura/core'
import { SeededRandom, temporaryDirectory } from '@kura/testkit'
import { expect, it } from 'vitest'
import { DirectoryCoordinator } from './index.ts'

/** Real time: locks are real, and so is the waiting for them. */
const clock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (delayMs, options) => sleep(delayMs, undefined, options),
  schedule: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs).unref()
    return () => clearTimeout(timer)
  },
}

let seed = 0
async function openCoordinator(directory: string, problems: KuraError[] = []) {
  seed += 1
  const random = new SeededRandom(seed)
  const onProblem = (problem: KuraError): void => void problems.push(problem)
  const coordinator = await DirectoryCoordinator.open({ directory, clock, random, onProblem })
  return { coordinator, [Symbol.asyncDispose]: () => coordinator.close() }
}

const never = new AbortController().signal

it('of two candidates one leads, and the other follows when it resigns', async () => {
  await using directory = await temporaryDirectory()
  await using a = await openCoordinator(directory.path)
  await using b = await openCoordinator(directory.path)
  let leaders = 0
  const campaign = async ({ coordinator }: typeof a) => {
    const leadership = await coordinator.campaign('zone-master', { signal: never })
    leaders += 1
    return leadership
  }
  const [first, second] = [campaign(a), campaign(b)]
  const winner = await Promise.race([first, second])
  await sleep(400)
  expect(leaders).toBe(1)
  await winner.resign()
  expect(winner.lost.aborted).toBe(true)
  const both = await Promise.all([first, second])
  expect(both.filter(({ lost }) => !lost.aborted)).toHaveLength(1)
})

it('elections of different names have their own leaders', async () => {
  await using directory = await temporaryDirectory()
  await using a = await openCoordinator(directory.path)
  await using b = await openCoordinator(directory.path)
  await a.coordinator.campaign('volume-manager-1', { signal: never })
  await b.coordinator.campaign('volume-manager-2', { signal: never })
})

it('a candidate that aborts stops waiting', async () => {
  await using directory = await temporaryDirectory()
  await using a = await openCoordinator(directory.path)
  await using b = await openCoordinator(directory.path)
  await a.coordinator.campaign('zone-master', { signal: never })
  const controller = new AbortController()
  const waiting = b.coordinator.campaign('zone-master', { signal: controller.signal })
  controller.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow()
})

it('leadership is free at once when its holder is killed', async () => {
  await using directory = await temporaryDirectory()
  await using survivor = await openCoordinator(directory.path)
  const holder = spawn(
    process.execPath,
    [
      '--conditions=source',
      '--input-type=module',
      '-e',
      `import { DirectoryCoordinator } from ${JSON.stringify(join(import.meta.dirname, 'index.ts'))}
       const clock = { nowMs: Date.now, monotonicMs: () => performance.now(),
         schedule: () => () => {}, sleep: (ms) => new Promise((done) => setTimeout(done, ms)) }
       const random = { next: Math.random, bytes: (count) => Buffer.alloc(count, 7) }
       const coordinator = await DirectoryCoordinator.open(
         { directory: ${JSON.stringify(directory.path)}, clock, random })
       await coordinator.announce({ kind: 'zone-master', id: '1', addresses: { rpc: 'x:1' } })
       await coordinator.campaign('zone-master', { signal: new AbortController().signal })
       console.log('leading')
       setInterval(() => {}, 1000)`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  await once(holder.stdout, 'data')
  let leading = false
  const campaign = survivor.coordinator.campaign('zone-master', { signal: never }).then(() => {
    leading = true
  })
  await sleep(300)
  expect(leading).toBe(false)
  holder.kill('SIGKILL')
  const killedAtMs = performance.now()
  await campaign
  expect(performance.now() - killedAtMs).toBeLessThan(1_000)
  // Listed is not alive: the file of a killed process stays until the process is back.
  expect(await survivor.coordinator.members('zone-master')).toHaveLength(1)
}, 20_000)

it('leadership is lost when somebody replaces the lock file', async () => {
  await using directory = await temporaryDirectory()
  await using a = await openCoordinator(directory.path)
  const leadership = await a.coordinator.campaign('zone-master', { signal: never })
  const path = join(directory.path, 'elections', 'zone-master.lock')
  await rename(path, `${path}.gone`)
  await writeFile(path, '')
  await once(leadership.lost, 'abort')
  expect(leadership.lost.reason).toMatchObject({ code: 'not-leader' })
})

it('a later announcement replaces an earlier one, and the earlier cannot withdraw it', async () => {
  await using directory = await temporaryDirectory()
  await using before = await openCoordinator(directory.path)
  await using after = await openCoordinator(directory.path)
  const id = '1-3'
  const old = await before.coordinator.announce({
    kind: 'storage-node',
    id,
    addresses: { rpc: 'a:1' },
  })
  const current = { kind: 'storage-node', id, addresses: { rpc: 'a:2', block: 'a:3' } } as const
  const announcement = await after.coordinator.announce(current)
  await old.withdraw()
  expect(await before.coordinator.members('storage-node')).toEqual([current])
  await announcement.withdraw()
  await announcement.withdraw()
  expect(await before.coordinator.members('storage-node')).toEqual([])
})

it('announcements of many processes at once all stand, and leave no scratch behind', async () => {
  await using directory = await temporaryDirectory()
  const ids = Array.from({ length: 12 }, (_, index) => `1-${index + 1}`)
  await Promise.all(
    ids.map(async (id) => {
      const { coordinator } = await openCoordinator(directory.path)
      await coordinator.announce({ kind: 'storage-node', id, addresses: {} })
    }),
  )
  await using reader = await openCoordinator(directory.path)
  const members = await reader.coordinator.members('storage-node')
  expect(members.map(({ id }) => id)).toEqual(ids.sort())
  const names = await readdir(join(directory.path, 'members', 'storage-node'))
  expect(names.filter((name) => name.endsWith('.new'))).toEqual([])
})

it('closing withdraws and resigns', async () => {
  await using directory = await temporaryDirectory()
  const { coordinator } = await openCoordinator(directory.path)
  await coordinator.announce({ kind: 'frontend', id: '1', addresses: {} })
  const leadership = await coordinator.campaign('x', { signal: never })
  await coordinator.close()
  expect(leadership.lost.aborted).toBe(true)
  await using other = await openCoordinator(directory.path)
  expect(await other.coordinator.members('frontend')).toEqual([])
  await other.coordinator.campaign('x', { signal: AbortSignal.timeout(2_000) })
})

it('torn, foreign and newer member files are ignored and reported once', async () => {
  await using directory = await temporaryDirectory()
  const problems: KuraError[] = []
  await using a = await openCoordinator(directory.path, problems)
  await a.coordinator.announce({ kind: 'frontend', id: '1', addresses: { http: 'h:1' } })
  const frontends = join(directory.path, 'members', 'frontend')
  const whole = { formatVersion: 1, kind: 'frontend', id: '9', addresses: {}, token: 't' }
  const files: Record<string, string> = {
    '2.json': '{"formatVersion":1,"kind":"fron',
    '3.json': '',
    '4.json': JSON.stringify(whole),
    '5.json': JSON.stringify({ ...whole, id: '5', addresses: { rpc: 7 } }),
    '6.json': JSON.stringify({ ...whole, id: '6', formatVersion: 2 }),
    '7.json': 'x'.repeat(100_000),
    '8.json.0011.new': 'half',
  }
  for (const [name, text] of Object.entries(files)) await writeFile(join(frontends, name), text)
  await mkdir(join(frontends, '10.json'))
  for (let round = 0; round < 2; round += 1) {
    const members = await a.coordinator.members('frontend')
    expect(members.map(({ id }) => id)).toEqual(['1'])
  }
  expect(problems).toHaveLength(7)
  expect(problems.map(({ code }) => code)).toContain('format-too-new')
})

it('a listing fails as unavailable when the directory is gone', async () => {
  await using directory = await temporaryDirectory()
  await using a = await openCoordinator(directory.path)
  expect(await a.coordinator.members('frontend')).toEqual([])
  await rename(join(directory.path, 'members'), join(directory.path, 'elsewhere'))
  await expect(a.coordinator.members('frontend')).rejects.toMatchObject({ code: 'unavailable' })
})

it('an id that is no file name is refused', async () => {
  await using directory = await temporaryDirectory()
  await using a = await openCoordinator(directory.path)
  const member = { kind: 'frontend', id: '../1', addresses: {} } as const
  await expect(a.coordinator.announce(member)).rejects.toMatchObject({ code: 'invalid-argument' })
})
