import type { Disk, File } from '@kura/core'
import { expect, it } from 'vitest'
import { Kernel } from '../kernel/kernel.ts'
import type { ProcessScope } from '../kernel/process-scope.ts'
import type { PowerCutMode } from './disk-fault.ts'
import { SimulatedDisk } from './simulated-disk.ts'

const PAGE = 4096
const page = (byte: number): Buffer => Buffer.alloc(PAGE, byte)

class Bench {
  readonly kernel: Kernel
  readonly disk: SimulatedDisk
  scope: ProcessScope

  constructor(seed = 1) {
    this.kernel = new Kernel({ seed, eventsMax: 1e6, virtualMsMax: 1e9 })
    this.disk = new SimulatedDisk({
      kernel: this.kernel,
      name: 'disk-1',
      totalBytes: 2 ** 24,
      latencyMs: { mean: 5 },
    })
    this.scope = this.kernel.newScope('node')
  }

  /** Runs `work` in the process until it is over or nothing happens any more. */
  async use<Result>(work: (disk: Disk) => Promise<Result>): Promise<Result> {
    if (!this.scope.isAlive) this.scope = this.kernel.newScope('node')
    let end: { readonly value: Result } | { readonly error: unknown } | undefined
    const disk = this.disk.attach(this.scope)
    work(disk).then(
      (value) => (end = { value }),
      (error: unknown) => (end = { error }),
    )
    await this.kernel.run(() => end !== undefined)
    if (end === undefined) throw new Error('the work never ended')
    if ('error' in end) throw end.error
    return end.value
  }

  async read(path: string): Promise<Buffer> {
    return await this.use((disk) => disk.readFile(path))
  }

  /** A durable file of pages of these bytes. */
  async make(path: string, bytes: readonly number[]): Promise<void> {
    await this.use(async (disk) => {
      const file = await disk.create(path, { allocateBytes: 0, direct: false })
      await file.write(bytes.map(page), 0)
      await file.sync()
      await disk.syncDirectory('.')
    })
  }

  async write(path: string, work: (file: File) => Promise<unknown>): Promise<void> {
    await this.use(async (disk) => {
      await work(await disk.open(path, { mode: 'write', direct: false }))
    })
  }

  cut(mode: PowerCutMode): void {
    this.scope.end()
    this.disk.powerCut(mode)
  }
}

it('a kill keeps what was written, a power cut what was synced', async () => {
  const bench = new Bench()
  await bench.make('a', [1])
  await bench.write('a', (file) => file.write([page(2)], 0))
  bench.scope.end()
  expect(await bench.read('a')).toEqual(page(2))
  bench.cut('lost')
  expect(await bench.read('a')).toEqual(page(1))
  await bench.write('a', (file) => file.write([page(3)], 0))
  bench.cut('kept')
  expect(await bench.read('a')).toEqual(page(3))
})

it('a power cut is refused while a process uses the disk', async () => {
  const bench = new Bench()
  await bench.make('a', [1])
  expect(() => bench.disk.powerCut('lost')).toThrow('no process uses it')
})

it('of unsynced writes a cut leaves a beginning, or any of them', async () => {
  const seen = { prefix: new Set<string>(), reordered: new Set<string>(), torn: new Set<string>() }
  for (let seed = 1; seed <= 60; seed += 1) {
    for (const mode of ['prefix', 'reordered', 'torn'] as const) {
      const bench = new Bench(seed)
      await bench.make('a', [1, 1])
      await bench.write('a', async (file) => {
        for (let sector = 0; sector < 4; sector += 1) {
          await file.write([Buffer.alloc(512, 2)], sector * 1024)
        }
      })
      bench.cut(mode)
      const bytes = await bench.read('a')
      seen[mode].add([0, 1, 2, 3].map((sector) => bytes[sector * 1024]).join(''))
    }
  }
  expect([...seen.prefix].sort()).toEqual(['1111', '2111', '2211', '2221', '2222'])
  for (const states of [seen.reordered, seen.torn]) {
    expect([...states].some((state) => /12/.test(state))).toBe(true)
    expect(states.size).toBeGreaterThan(8)
  }
})

it('what a dead process asked takes no effect, is never answered, and its lock is free', async () => {
  const bench = new Bench()
  await bench.make('a', [1])
  const { scope } = bench
  const disk = bench.disk.attach(scope)
  let answers = 0
  const ask = (): void => {
    void disk.unlink('a').finally(() => (answers += 1))
  }
  await bench.use((port) => port.lock('LOCK'))
  await expect(bench.use((port) => port.lock('LOCK'))).rejects.toMatchObject({ code: 'locked' })
  ask()
  scope.end()
  ask()
  await bench.kernel.run(() => false)
  expect(answers).toBe(0)
  expect(await bench.read('a')).toEqual(page(1))
  await bench.use((port) => port.lock('LOCK'))
})

it('a process that dies while it writes a file durably leaves the old one or the new one', async () => {
  const seen = new Set<number | undefined>()
  for (let afterMs = 0; afterMs < 60; afterMs += 1) {
    const bench = new Bench()
    await bench.use((disk) => disk.writeFileDurably('a', page(1)))
    void bench.disk.attach(bench.scope).writeFileDurably('a', page(2))
    bench.kernel.schedule(bench.kernel.world, afterMs, () => bench.scope.end())
    await bench.kernel.run(() => !bench.scope.isAlive)
    bench.disk.powerCut('torn')
    const bytes = await bench.read('a')
    expect([page(1), page(2)]).toContainEqual(bytes)
    seen.add(bytes[0])
    await bench.use((disk) => disk.writeFileDurably('a', page(3)))
    expect(await bench.read('a')).toEqual(page(3))
  }
  expect([...seen].sort()).toEqual([1, 2])
})

it('errors come as often as they were ordered, on the files that were named', async () => {
  const bench = new Bench()
  await bench.make('a', [1])
  await bench.make('b', [1])
  bench.disk.inject({ kind: 'eio', on: 'read', times: 2, path: 'a' })
  bench.disk.inject({ kind: 'eio', on: 'write', times: 1 })
  for (let time = 0; time < 2; time += 1) {
    expect(await bench.read('b')).toEqual(page(1))
    await expect(bench.read('a')).rejects.toMatchObject({ code: 'EIO' })
  }
  expect(await bench.read('a')).toEqual(page(1))
  const write = bench.write('a', (file) => file.write([page(2)], 0))
  await expect(write).rejects.toMatchObject({ code: 'EIO' })
  bench.disk.inject({ kind: 'short-write', times: 1 })
  const short = bench.write('a', (file) => file.write([page(3)], 0))
  await expect(short).rejects.toMatchObject({ code: 'EIO' })
  const bytes = await bench.read('a')
  expect([bytes[0], bytes[PAGE - 1]]).toEqual([3, 1])
  expect(bench.disk.counts()).toEqual({ eio: 3, 'short-write': 1 })
})

it('a full disk takes no new space, writes what is allocated, and is full for a time', async () => {
  const bench = new Bench()
  await bench.make('a', [1])
  bench.disk.inject({ kind: 'enospc', forMs: 10_000 })
  await expect(bench.make('b', [1])).rejects.toMatchObject({ code: 'ENOSPC' })
  const grow = bench.write('a', (file) => file.write([page(1)], PAGE))
  await expect(grow).rejects.toMatchObject({ code: 'ENOSPC' })
  await bench.write('a', (file) => file.write([page(2)], 0))
  expect(await bench.use((disk) => disk.space())).toMatchObject({ freeBytes: 0 })
  bench.kernel.schedule(bench.kernel.world, 10_000, () => undefined)
  await bench.kernel.run(() => false)
  await bench.make('b', [1])
  expect((await bench.use((disk) => disk.space())).freeBytes).toBeGreaterThan(0)
})

it('a failed sync says so, and no later one brings its writes to the medium', async () => {
  const bench = new Bench()
  await bench.make('a', [1])
  bench.disk.inject({ kind: 'failed-sync', times: 1 })
  await bench.write('a', async (file) => {
    await file.write([page(2)], 0)
    await expect(file.sync()).rejects.toMatchObject({ code: 'EIO', syscall: 'fsync' })
    await file.sync()
  })
  expect(await bench.read('a')).toEqual(page(2))
  bench.cut('kept')
  expect(await bench.read('a')).toEqual(page(1))
  expect(bench.disk.counts()).toEqual({ 'failed-sync': 1 })
})

it('a lying sync says nothing; what follows when it is over is true again', async () => {
  const bench = new Bench()
  await bench.make('a', [1])
  const writeSynced = (byte: number) =>
    bench.write('a', async (file) => {
      await file.write([page(byte)], 0)
      await file.sync()
    })
  bench.disk.inject({ kind: 'lying-sync', forMs: 1_000 })
  await writeSynced(2)
  bench.cut('lost')
  expect(await bench.read('a')).toEqual(page(1))
  bench.disk.heal()
  await writeSynced(3)
  bench.cut('lost')
  expect(await bench.read('a')).toEqual(page(3))
  expect(bench.disk.counts()).toEqual({ 'lying-sync': 1, 'power-cut-lost': 1 })
})

it('rot turns over that many bits of what was stored, and no power cut undoes it', async () => {
  const bench = new Bench()
  await bench.make('a', [1, 1, 1])
  await bench.make('b', [0, 0, 0])
  for (let left = 20; (bench.disk.counts().rot ?? 0) < 5 && left > 0; left -= 1) {
    bench.disk.inject({ kind: 'rot', bits: 1 })
  }
  bench.cut('lost')
  const bytes = await bench.read('a')
  const ones = bytes.reduce((sum, byte) => sum + bitsThatDiffer(byte, 1), 0)
  expect(ones).toBe(5)
  expect(await bench.read('b')).toEqual(Buffer.alloc(3 * PAGE))
})

function bitsThatDiffer(one: number, other: number): number {
  return (one ^ other).toString(2).replaceAll('0', '').length
}

it('a phantom write is seen until the power is cut, and by nobody who asks the medium', async () => {
  const bench = new Bench()
  await bench.make('a', [1, 1])
  bench.disk.inject({ kind: 'phantom-write', times: 1 })
  await bench.write('a', async (file) => {
    await file.write([page(2)], PAGE)
    await file.sync()
  })
  expect(await bench.read('a')).toEqual(Buffer.concat([page(1), page(2)]))
  bench.cut('kept')
  expect(await bench.read('a')).toEqual(Buffer.concat([page(1), page(1)]))
})

it('a misdirected write destroys something else', async () => {
  const bench = new Bench()
  await bench.make('a', [1])
  await bench.make('b', [4, 4, 4, 4])
  bench.disk.inject({ kind: 'misdirected-write', times: 1 })
  for (let time = 0; time < 2; time += 1) {
    await bench.write('a', async (file) => {
      await file.write([Buffer.alloc(512, 2)], time * 512)
      await file.sync()
    })
  }
  bench.cut('kept')
  const bytes = Buffer.concat([await bench.read('a'), await bench.read('b')])
  // The one that hit, and the one that strayed: from where it should be to where it is.
  expect(bytes.filter((byte) => byte === 2)).toHaveLength(1024)
  expect(bytes.subarray(0, 512)).not.toEqual(Buffer.alloc(512, 2))
  expect(bench.disk.counts()['misdirected-write']).toBe(1)
})

it('a slow disk takes longer, a hung one answers when it hangs no more', async () => {
  const bench = new Bench()
  await bench.make('a', [1])
  const measure = async (): Promise<number> => {
    const startMs = bench.kernel.nowMs
    for (let time = 0; time < 100; time += 1) await bench.read('a')
    return (bench.kernel.nowMs - startMs) / 100
  }
  const usualMs = await measure()
  bench.disk.inject({ kind: 'slow', factor: 50, forMs: 1e6 })
  expect(await measure()).toBeGreaterThan(20 * usualMs)
  bench.disk.heal()
  const hungAtMs = bench.kernel.nowMs
  bench.disk.inject({ kind: 'hung', forMs: 7_000 })
  await bench.read('a')
  expect(bench.kernel.nowMs - hungAtMs).toBeGreaterThanOrEqual(7_000)
  expect(await measure()).toBeLessThan(3 * usualMs)
})

it('a disk can be found as it was earlier, as another one, or empty', async () => {
  const bench = new Bench()
  await bench.make('a', [1])
  const earlier = bench.disk.snapshot()
  await bench.make('b', [2])
  bench.scope.end()
  bench.disk.restore(earlier)
  expect(await bench.use((disk) => disk.list('.'))).toEqual(['a'])
  await bench.write('a', (file) => file.write([page(9)], 0))
  bench.scope.end()
  bench.disk.restore(earlier)
  expect(await bench.read('a')).toEqual(page(1))
  expect(await bench.disk.image.list('.')).toEqual(['a'])
  bench.scope.end()
  bench.disk.empty()
  expect(await bench.use((disk) => disk.list('.'))).toEqual([])
})

it('a seed gives the same damage', async () => {
  const run = async (seed: number): Promise<string> => {
    const bench = new Bench(seed)
    await bench.make('a', [1, 2, 3])
    await bench.write('a', (file) => file.write([page(7), page(8)], 0))
    bench.disk.inject({ kind: 'rot', bits: 3 })
    bench.cut('torn')
    return bench.disk.image.fingerprint() + bench.kernel.traceHash()
  }
  expect(await run(3)).toBe(await run(3))
  expect(await run(3)).not.toBe(await run(4))
})
