import { expect, test } from 'vitest'
import { parseCommandLine } from './options.ts'

test('sizes have units and relative paths are the caller’s', () => {
  const options = parseCommandLine(['--bucket-size', '64MiB', '--data', 'zone'], '/home/me')
  expect(options.bucketSizeBytes).toBe(64 * 1024 * 1024)
  expect(options.dataDir).toBe('/home/me/zone')
  expect(options.restarts).toBe(true)
})

test.each([
  [['--nodes', 'six']],
  [['--bucket-size', '1KiB']],
  [['--bucket-size', '2GiB']],
  [['--nonsense']],
  [['stray']],
  [['--demo', 'tree', '--power-cut-disks']],
])('%j is refused', (args) => {
  expect(() => parseCommandLine(args, '/')).toThrow(
    expect.objectContaining({ code: 'invalid-argument' }),
  )
})
