import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { runCommandLine } from '../program.ts'

/** What page 0 of the golden extent says. */
const CAPACITY_BYTES = 524288
const GOLDEN = fileURLToPath(new URL('../../../../test/golden/extent-v1.extent', import.meta.url))
let disk: string

beforeEach(() => {
  disk = mkdtempSync(join(tmpdir(), 'kura-extent-'))
  for (const folder of ['extents', 'scratch']) mkdirSync(join(disk, folder))
  copyFileSync(GOLDEN, join(disk, 'extents/42.extent'))
  writeFileSync(join(disk, 'scratch/43.extent'), 'half of one')
})

afterEach(() => {
  rmSync(disk, { recursive: true })
})

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const [output, errors] = [new PassThrough(), new PassThrough()]
  const terminal = { input: new PassThrough(), output, errors, isWatched: false, columns: 80 }
  const signal = new AbortController().signal
  const code = await runCommandLine(['extent', ...args], { terminal, signal })
  const text = (stream: PassThrough): string => String(stream.read() ?? '')
  return { code, out: text(output), err: text(errors) }
}

function damage(path: string, at: number): void {
  const bytes = readFileSync(path)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  writeFileSync(path, bytes)
}

it('a whole disk is well, and scratch is not part of it', async () => {
  writeFileSync(join(disk, 'extents/42.frozen'), readFileSync(GOLDEN).subarray(0, 4096))
  const { code, out } = await run('verify', disk)
  expect(out).toContain('42.extent: sealed, 4 records, 75.9 KiB: whole\n')
  expect(out).toMatch(/\n1 extents, [^\n]+ read, 0 damages\n$/)
  expect(code).toBe(0)
})

it('damage ends with 1 and names part, offset and record', async () => {
  damage(join(disk, 'extents/42.extent'), 0x1100)
  const { code, out } = await run('verify', disk)
  expect(code).toBe(1)
  expect(out).toMatch(/ {2}damage: payload at 4352 · record 2bec24ce[0-9a-f]{56} · /)
  const json = await run('verify', disk, '--json')
  expect(JSON.parse(json.out)).toMatchObject({ damageCount: 1, damages: [{ part: 'payload' }] })
})

it('what a crash may have left is neither whole nor damage', async () => {
  const path = join(disk, 'extents/42.extent')
  const bytes = readFileSync(path)
  // Before it is sealed an extent has its capacity; this one's last payload never got to the disk.
  bytes.fill(0, bytes.lastIndexOf('KURAREC0') + 4096)
  writeFileSync(path, Buffer.concat([bytes, Buffer.alloc(CAPACITY_BYTES - bytes.length)]))
  const { code, out } = await run('verify', path)
  expect(out).toMatch(
    /: unsealed, 3 records, [^:]+: no damage, 1 in doubt\n {2}in doubt: record-space at /,
  )
  expect(code).toBe(0)
})

it('a freeze mark or a name of another extent is damage', async () => {
  writeFileSync(join(disk, 'extents/42.frozen'), Buffer.alloc(4096))
  copyFileSync(GOLDEN, join(disk, 'extents/41.extent'))
  const { code, out } = await run('verify', disk)
  expect(code).toBe(1)
  expect(out).toContain('damage: freeze-mark at 0')
  expect(out).toContain('damage: file-name at 0 · the file is named 41 and holds extent 42')
})

it('a path that is not there ends with 3', async () => {
  expect(await run('verify', join(disk, 'absent'))).toMatchObject({ code: 3, out: '' })
  expect(await run('verify', join(disk, 'scratch'))).toMatchObject({ code: 3, out: '' })
  expect(await run('dump', disk)).toMatchObject({ code: 2 })
})

it('a dump shows every record, page 0 and footer', async () => {
  const { code, out } = await run('dump', GOLDEN)
  expect(code).toBe(0)
  expect(out.match(/^ +\d+ .* [0-9a-f]{64}$/gm)).toHaveLength(4)
  expect(out).toContain('sealed, 4 whole records, 77699 bytes\n')
  expect(out).toMatch(/salt +0123456789abcdef/)
  expect(out).toMatch(/digest +a0977b9e/)
  const lines = (await run('dump', GOLDEN, '--json')).out.trim().split('\n')
  expect(lines).toHaveLength(5)
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ record: { sizeBytes: 18 }, faults: [] })
})
