import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { KuraError, type Member, type MemberKind } from '@kura/core'
import { ManualClock, temporaryDirectory } from '@kura/testkit'
import { expect, it } from 'vitest'
import { AddressBook, AddressCacheFile } from './index.ts'

/** What the book asks, with the number of times it did. */
class Listings {
  listed = 0
  down = false
  members_: Member[] = []

  async members(kind: MemberKind): Promise<readonly Member[]> {
    this.listed += 1
    if (this.down) throw new KuraError('unavailable', 'no coordination')
    return this.members_.filter((member) => member.kind === kind)
  }
}

function manager(id: string, rpc: string): Member {
  return { kind: 'volume-manager', id, addresses: { rpc } }
}

it('a listing answers for a second, then it is asked again', async () => {
  const coordinator = new Listings()
  const clock = new ManualClock()
  const book = new AddressBook({ coordinator, clock })
  coordinator.members_ = [manager('1-1', 'a:1')]
  const ask = (): Promise<string> => book.address('volume-manager', '1-1', 'rpc')
  expect(await Promise.all([ask(), ask()])).toEqual(['a:1', 'a:1'])
  coordinator.members_ = [manager('1-1', 'a:2')]
  expect(await ask()).toBe('a:1')
  expect(coordinator.listed).toBe(1)
  await clock.advance(1_000)
  expect(await ask()).toBe('a:2')
  coordinator.members_ = [manager('1-1', 'a:3')]
  book.invalidate('volume-manager')
  expect(await ask()).toBe('a:3')
})

it('a star stands for all ids that start so, and an unknown member is unavailable', async () => {
  const coordinator = new Listings()
  const book = new AddressBook({ coordinator, clock: new ManualClock() })
  coordinator.members_ = [manager('1-1', 'a:1'), manager('2-1', 'b:1')]
  expect(await book.address('volume-manager', '2-*', 'rpc')).toBe('b:1')
  expect(await book.address('volume-manager', undefined, 'rpc')).toBe('a:1')
  for (const [id, listener] of [
    ['3-*', 'rpc'],
    ['1-1', 'block'],
  ] as const) {
    await expect(book.address('volume-manager', id, listener)).rejects.toMatchObject({
      code: 'unavailable',
    })
  }
})

it('a resolver names the members in turn, starting again behind the last', async () => {
  const coordinator = new Listings()
  const book = new AddressBook({ coordinator, clock: new ManualClock() })
  coordinator.members_ = [manager('1-1', 'a:1'), manager('1-2', 'a:2'), manager('1-3', 'a:3')]
  const resolve = book.resolver('volume-manager', '1-*', 'rpc')
  const asked = [await resolve()]
  for (let turn = 0; turn < 3; turn += 1) asked.push(await resolve(asked.at(-1)))
  expect(asked).toEqual(['a:1', 'a:2', 'a:3', 'a:1'])
  coordinator.members_ = [manager('1-1', 'a:9')]
  expect(await resolve('a:1')).toBe('a:9')
})

it('the last listings answer while coordination is down, also after a restart', async () => {
  await using directory = await temporaryDirectory()
  const cacheFile = join(directory.path, 'cache', 'addresses.json')
  const coordinator = new Listings()
  const clock = new ManualClock()
  const problems: KuraError[] = []
  const options = {
    coordinator,
    clock,
    cache: new AddressCacheFile(cacheFile),
    onProblem: (p: KuraError) => problems.push(p),
  }
  const book = new AddressBook(options)
  const index: Member = { kind: 'block-index', id: '1', addresses: { rpc: 'i:1' } }
  coordinator.members_ = [manager('1-1', 'a:1'), index]
  await book.address('volume-manager', undefined, 'rpc')
  await book.address('block-index', undefined, 'rpc')
  coordinator.down = true
  for (let second = 0; second < 3; second += 1) {
    await clock.advance(1_000)
    expect(await book.address('volume-manager', undefined, 'rpc')).toBe('a:1')
  }
  expect(problems).toHaveLength(1)
  const restarted = new AddressBook(options)
  expect(await restarted.address('volume-manager', undefined, 'rpc')).toBe('a:1')
  expect(await restarted.address('block-index', undefined, 'rpc')).toBe('i:1')
})

it('a damaged cache counts as empty and is replaced by the next listing', async () => {
  await using directory = await temporaryDirectory()
  const cacheFile = join(directory.path, 'addresses.json')
  await writeFile(cacheFile, '{"members":[{"kin')
  const coordinator = new Listings()
  coordinator.down = true
  const problems: KuraError[] = []
  const onProblem = (problem: KuraError): void => void problems.push(problem)
  const book = new AddressBook({
    coordinator,
    clock: new ManualClock(),
    cache: new AddressCacheFile(cacheFile),
    onProblem,
  })
  await expect(book.address('block-index', '1', 'rpc')).rejects.toMatchObject({
    code: 'unavailable',
  })
  expect(problems.map(({ code }) => code)).toContain('format-invalid')
  coordinator.down = false
  coordinator.members_ = [manager('1-1', 'a:1')]
  expect(await book.address('volume-manager', '1-1', 'rpc')).toBe('a:1')
  expect(await readFile(cacheFile, 'utf8')).toContain('a:1')
})
