import { GIB } from '@kura/core'
import { expect, it } from 'vitest'
import { formatCephSettings } from './ceph-settings.ts'

function lines(machineMemoryBytes: number): readonly string[] {
  const folders = { folder: '/data', socketFolder: '/run' }
  const sizes = { blockSizeBytes: 12 * GIB, machineMemoryBytes }
  const text = formatCephSettings({ ...folders, ...sizes, fsid: 'f', monitorPort: 3300 })
  return text.split('\n')
}

it('a put needs all three copies before it is answered', () => {
  expect(lines(64 * GIB)).toContain('osd_pool_default_size = 3')
  expect(lines(64 * GIB)).toContain('osd_pool_default_min_size = 3')
})

it('every OSD has the memory of the default, or its part of half the machine', () => {
  expect(lines(64 * GIB)).toContain(`osd_memory_target = ${4 * GIB}`)
  expect(lines(12 * GIB)).toContain(`osd_memory_target = ${2 * GIB}`)
})
