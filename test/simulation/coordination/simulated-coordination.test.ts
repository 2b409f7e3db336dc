import type { Coordinator, Leadership, MemberKind } from '@kura/core'
import { expect, it } from 'vitest'
import { Kernel } from '../kernel/kernel.ts'
import type { ProcessScope } from '../kernel/process-scope.ts'
import { SimulatedCoordination } from './simulated-coordination.ts'

const never = new AbortController().signal

class Bench {
  readonly kernel: Kernel
  readonly coordination: SimulatedCoordination

  constructor(seed = 1) {
    this.kernel = new Kernel({ seed, eventsMax: 1e6, virtualMsMax: 1e9 })
    this.coordination = new SimulatedCoordination({ kernel: this.kernel })
  }

  open(name: string): { readonly scope: ProcessScope; readonly coordinator: Coordinator } {
    const scope = this.kernel.newScope(name)
    return { scope, coordinator: this.coordination.open(scope) }
  }

  async until<Result>(work: Promise<Result>): Promise<Result> {
    let isOver = false
    const over = (): void => void (isOver = true)
    work.then(over, over)
    await this.kernel.run(() => isOver)
    if (!isOver) throw new Error('it never ended')
    return await work
  }

  async pass(ms: number): Promise<void> {
    const untilMs = this.kernel.nowMs + ms
    this.kernel.schedule(this.kernel.world, ms, () => undefined)
    await this.kernel.run(() => this.kernel.nowMs >= untilMs)
  }

  async lead(coordinator: Coordinator, election = 'zone-master'): Promise<Leadership> {
    return await this.until(coordinator.campaign(election, { signal: never }))
  }

  async ids(coordinator: Coordinator, kind: MemberKind): Promise<string> {
    return (await this.until(coordinator.members(kind))).map(({ id }) => id).join()
  }
}

it('of two candidates either may lead, and the other follows when it resigns', async () => {
  const firsts = new Set<string>()
  for (let seed = 1; seed <= 12; seed += 1) {
    const bench = new Bench(seed)
    const leaders: { name: string; leadership: Leadership }[] = []
    for (const name of ['a', 'b']) {
      const campaign = bench.open(name).coordinator.campaign('zone-master', { signal: never })
      void campaign.then((leadership) => leaders.push({ name, leadership }))
    }
    await bench.pass(10_000)
    expect(leaders).toHaveLength(1)
    firsts.add(leaders[0]?.name ?? '')
    await leaders[0]?.leadership.resign()
    expect(leaders[0]?.leadership.lost.reason).toMatchObject({ code: 'not-leader' })
    await bench.pass(1_000)
    expect(leaders).toHaveLength(2)
    expect(leaders[1]?.leadership.lost.aborted).toBe(false)
  }
  expect([...firsts].sort()).toEqual(['a', 'b'])
})

it('elections of different names have their own leaders', async () => {
  const bench = new Bench()
  const [a, b] = [bench.open('a'), bench.open('b')]
  await bench.lead(a.coordinator, 'volume-manager-1')
  await bench.lead(b.coordinator, 'volume-manager-2')
  const refused = a.coordinator.campaign('../x', { signal: never })
  await expect(refused).rejects.toMatchObject({ code: 'invalid-argument' })
})

it('a candidate that gives up or is closed stops waiting', async () => {
  const bench = new Bench()
  await bench.lead(bench.open('a').coordinator)
  const { coordinator } = bench.open('b')
  const controller = new AbortController()
  const aborted = coordinator.campaign('zone-master', { signal: controller.signal })
  const closed = coordinator.campaign('zone-master', { signal: never })
  const outcomes = Promise.allSettled([aborted, closed])
  await bench.pass(100)
  controller.abort(new Error('enough'))
  await bench.until(coordinator.close())
  expect(await bench.until(outcomes)).toMatchObject([
    { reason: { message: 'enough' } },
    { reason: { code: 'shutting-down' } },
  ])
})

it('what a dead leader held passes on when its lease is over', async () => {
  const bench = new Bench()
  const [a, b] = [bench.open('a'), bench.open('b')]
  const leadership = await bench.lead(a.coordinator)
  const diedAtMs = bench.kernel.nowMs
  a.scope.end()
  await bench.lead(b.coordinator)
  expect(bench.kernel.nowMs - diedAtMs).toBeGreaterThan(1_000)
  expect(bench.kernel.nowMs - diedAtMs).toBeLessThan(3_500)
  expect(leadership.lost.aborted).toBe(false)
})

it('a leader that lost may go on believing while another leads', async () => {
  let overlaps = 0
  for (let seed = 1; seed <= 20; seed += 1) {
    const bench = new Bench(seed)
    const old = await bench.lead(bench.open('a').coordinator)
    expect(bench.coordination.loseLeadership('zone-master')).toBe(true)
    const next = await bench.lead(bench.open('b').coordinator)
    if (!old.lost.aborted) overlaps += 1
    await bench.pass(3_000)
    expect(old.lost.reason).toMatchObject({ code: 'not-leader' })
    await old.resign()
    expect(next.lost.aborted).toBe(false)
    await bench.pass(3_000)
    expect(bench.coordination.loseLeadership('zone-master')).toBe(true)
    expect(bench.coordination.loseLeadership('zone-master')).toBe(false)
  }
  expect(overlaps).toBeGreaterThan(10)
})

it('a later announcement replaces an earlier one, which cannot withdraw it', async () => {
  const bench = new Bench()
  const [before, after] = [bench.open('a').coordinator, bench.open('b').coordinator]
  const member = { kind: 'storage-node', id: '1-3' } as const
  const old = await bench.until(before.announce({ ...member, addresses: { rpc: 'a:1' } }))
  const current = { ...member, addresses: { rpc: 'a:2', block: 'a:3' } }
  const announcement = await bench.until(after.announce(current))
  await bench.until(old.withdraw())
  expect(await bench.until(before.members('storage-node'))).toEqual([current])
  await bench.until(announcement.withdraw())
  await bench.until(announcement.withdraw())
  expect(await bench.until(before.members('storage-node'))).toEqual([])
  const refused = before.announce({ kind: 'frontend', id: '../1', addresses: {} })
  await expect(refused).rejects.toMatchObject({ code: 'invalid-argument' })
})

it('members are listed by id, the dead among them; closing withdraws and resigns', async () => {
  const bench = new Bench()
  const processes = ['3', '1', '2'].map((id) => ({ id, ...bench.open(`frontend-${id}`) }))
  for (const { id, coordinator } of processes) {
    await bench.until(coordinator.announce({ kind: 'frontend', id, addresses: {} }))
  }
  const [third, first, second] = processes as [
    (typeof processes)[0],
    (typeof processes)[0],
    (typeof processes)[0],
  ]
  first.scope.end()
  expect(await bench.ids(second.coordinator, 'frontend')).toBe('1,2,3')
  const leadership = await bench.lead(third.coordinator)
  await bench.until(third.coordinator.close())
  expect(leadership.lost.aborted).toBe(true)
  expect(await bench.ids(second.coordinator, 'frontend')).toBe('1,2')
  await bench.lead(second.coordinator)
})

it('while it is out of reach calls fail, nobody wins, and leaders lead on', async () => {
  const bench = new Bench()
  const [a, b] = [bench.open('a'), bench.open('b')]
  const held = await bench.lead(a.coordinator, 'x')
  const waiting = b.coordinator.campaign('x', { signal: never })
  await bench.pass(100)
  bench.coordination.setAvailable(false)
  const unavailable = { code: 'unavailable' }
  await expect(bench.ids(b.coordinator, 'frontend')).rejects.toMatchObject(unavailable)
  await expect(bench.lead(b.coordinator, 'y')).rejects.toMatchObject(unavailable)
  expect(held.lost.aborted).toBe(false)
  a.scope.end()
  let isWon = false
  void waiting.then(() => (isWon = true))
  await bench.pass(20_000)
  expect(isWon).toBe(false)
  bench.coordination.setAvailable(true)
  await bench.until(waiting)
})

it('a stale listing is one of an earlier moment', async () => {
  const bench = new Bench()
  const { coordinator } = bench.open('a')
  for (const id of ['1', '2']) {
    await bench.until(coordinator.announce({ kind: 'frontend', id, addresses: {} }))
  }
  bench.coordination.setStale(true)
  const seen = new Set<string>()
  for (let time = 0; time < 30; time += 1) seen.add(await bench.ids(coordinator, 'frontend'))
  expect([...seen].sort()).toEqual(['', '1', '1,2'])
  bench.coordination.setStale(false)
  expect(await bench.ids(coordinator, 'frontend')).toBe('1,2')
})
