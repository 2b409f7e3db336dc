import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { nameZoneFolder, removeLeftovers } from './remove-leftovers.ts'

/** Above what Linux gives to processes. */
const NO_PID = 2 ** 22 + 1

it('only folders of load zones whose process is gone are removed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'leftovers-'))
  try {
    const left = `bench-load-${NO_PID}-3`
    const kept = [nameZoneFolder(1), `bench-memory-${NO_PID}`, `bench-load-${NO_PID}-3-notes`]
    for (const name of [left, ...kept]) {
      mkdirSync(join(folder, name))
      writeFileSync(join(folder, name, 'block'), 'bytes')
    }
    expect(await removeLeftovers(folder)).toEqual([left])
    expect(readdirSync(folder).sort()).toEqual(kept.sort())
  } finally {
    rmSync(folder, { recursive: true })
  }
})

it('a folder that does not exist yet has no leftovers', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'leftovers-'))
  try {
    expect(await removeLeftovers(join(folder, 'cache'))).toEqual([])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
