import { describe, expect, it } from 'vitest'
import { parseCommand } from './options.ts'
import { findMount } from './results/describe-environment.ts'

describe('the command line of the bench', () => {
  it('runs all parts by default, and a quick look without special and peers', () => {
    const all = ['limit', 'load', 'micro', 'special', 'peers']
    expect(parseCommand([])).toMatchObject({ options: { parts: all } })
    const quick = ['limit', 'load', 'micro']
    expect(parseCommand(['--quick'])).toMatchObject({ options: { parts: quick } })
    expect(parseCommand(['--parts', 'peers'])).toMatchObject({ options: { parts: ['peers'] } })
  })

  it('has parts in their order, once, and takes x for ×', () => {
    const command = parseCommand(['--parts', 'load,limit,load', '--only', 'put 4 MiB x 16'])
    expect(command).toMatchObject({
      options: { parts: ['limit', 'load'], only: ['put 4 MiB × 16'] },
    })
  })

  it.each([
    ['kura://0a@127.0.0.1:7500', { pocket: '0a', block: '127.0.0.1:7500' }],
    ['http://localhost:7501', { http: 'localhost:7501' }],
    ['grpc://localhost:7502', { grpc: 'localhost:7502' }],
  ])('takes %s for a target', (url, target) => {
    expect(parseCommand(['--target', url])).toMatchObject({ options: { target } })
  })

  it.each([
    [['--parts', 'all'], /"all" is no part/],
    [['--target', 'kura://127.0.0.1:7500'], /wants the id of the pocket/],
    [['--target', 'ftp://x:1'], /no place to measure/],
    [['compare', 'one'], /no command/],
    [['--fast'], /--fast/],
    [['compare', 'one', 'two', '--quick'], /--quick says nothing to "compare"/],
    [['--memory', '--parts', 'load'], /--parts says nothing to --memory/],
    [['--no-cgroup'], /says nothing without --memory/],
    [['--target', 'http://h:1', '--parts', 'load'], /--parts says nothing to --target/],
    [['--target', 'http://h:99999'], /no place to measure/],
  ])('refuses %j', (args, message) => {
    expect(() => parseCommand(args)).toThrow(message)
  })
})

describe('the mount of a folder', () => {
  const mounts = 'a / ext4 rw 0 0\nb /data xfs rw,noatime 0 0\nc /data2 ext4 rw 0 0\n'

  it('is the nearest one above it', () => {
    expect(findMount(mounts, '/data/x')).toBe('b /data xfs rw,noatime')
    expect(findMount(mounts, '/data22')).toBe('a / ext4 rw')
  })
})
