import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import type { RunPart } from './part.ts'
import { readResults } from './results/result-file.ts'
import { makeResults, makeSample } from './results/testing/samples.ts'
import { runParts, type PartsRun } from './run-parts.ts'

const folder = mkdtempSync(join(tmpdir(), 'kura-parts-'))
afterAll(() => rmSync(folder, { recursive: true }))

let count = 0
let told: string[] = []
beforeEach(() => {
  count += 1
  told = []
})

const keeps =
  (row: string): RunPart =>
  (context) => {
    if (context.wants(row)) context.keep(makeSample({ row }))
    return Promise.resolve()
  }

const skips: RunPart = (context) => {
  context.skip('peers', 'there is no Ceph here')
  return Promise.resolve()
}

const fails: RunPart = () => Promise.reject(new Error('a zone died'))

function makeRun(runs: readonly RunPart[], only: readonly string[] = []): PartsRun {
  return {
    parts: runs.map((run, index) => ({ name: `part-${index}`, run, seconds: 60 * index + 20 })),
    isQuick: true,
    only,
    cacheFolder: folder,
    profileFolder: undefined,
    path: join(folder, `${count}.jsonl`),
    heading: makeResults([]).heading,
    lookForDisturber: () => undefined,
    tell: (line) => void told.push(line),
  }
}

describe('a run of parts', () => {
  it('keeps what they find in their order, with one heading', async () => {
    const run = makeRun([skips, keeps('one'), skips, keeps('two')])
    await runParts(run)
    const kinds = readFileSync(run.path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line): unknown => Reflect.get(Object(JSON.parse(line)), 'kind'))
    expect(kinds).toEqual(['environment', 'skipped', 'sample', 'skipped', 'sample'])
    expect(readResults(run.path).samples.map(({ row }) => row)).toEqual(['one', 'two'])
  })

  it('tells which part of how many it is, and about how long it takes', async () => {
    await runParts(makeRun([keeps('one'), keeps('two')]))
    expect(told.join('\n')).toMatch(
      /^ +0:00 {2}all parts together: about 2 min\n +0:00 {2}part 1 of 2: part-0, about 20 s\n/,
    )
    expect(told[2]).toMatch(/part 2 of 2: part-1, about 1 min$/)
  })

  it('tells who disturbs it', async () => {
    const run = makeRun([keeps('one')])
    await runParts({ ...run, lookForDisturber: () => ({ name: 'editor', pid: 7, share: 0.4 }) })
    expect(told.find((line) => line.includes('DISTURBED'))).toContain(
      'DISTURBED: editor (process 7) took 40 % of a processor',
    )
  })

  it('keeps what was found before a part failed, with its table', async () => {
    const run = makeRun([keeps('one'), fails, keeps('two')])
    await expect(runParts(run)).rejects.toThrow('a zone died')
    expect(readResults(run.path).samples.map(({ row }) => row)).toEqual(['one'])
    expect(readFileSync(run.path.replace('.jsonl', '.md'), 'utf8')).toContain('| one | kura |')
  })

  it('says in the table what was skipped, even where nothing else was found', async () => {
    const run = makeRun([skips])
    await runParts(run)
    expect(readFileSync(run.path.replace('.jsonl', '.md'), 'utf8')).toContain('there is no Ceph')
  })

  it('measures rows that were asked for, and refuses names that no row has', async () => {
    const samples = await runParts(makeRun([keeps('one'), keeps('two')], ['tw']))
    expect(samples.map(({ row }) => row)).toEqual(['two'])
    const run = { ...makeRun([keeps('one')], ['three']), path: join(folder, 'none.jsonl') }
    await expect(runParts(run)).rejects.toThrow('"three"')
    expect(existsSync(run.path)).toBe(false)
  })
})
