import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { appendResult, parseResults } from './result-file.ts'
import { makeResults, makeSample } from './testing/samples.ts'
import { writeReport } from './write-report.ts'

const folder = mkdtempSync(join(tmpdir(), 'kura-results-'))
afterAll(() => rmSync(folder, { recursive: true }))

describe('a report', () => {
  it('has a table of what the lines say, and the plots beside it', () => {
    const path = join(folder, 'some.jsonl')
    const rows = [1, 4, 16].map((clients) =>
      makeSample({ row: `put 4 MiB × ${clients} client`, operations: 100 * clients }),
    )
    appendResult(path, makeResults([]).heading)
    for (const row of rows) appendResult(path, row)
    const table = readFileSync(writeReport(path), 'utf8')
    expect(table).toContain('| put 4 MiB × 16 client | kura | 1 | 100 | 400 | 50.0 | 99.0 |')
    expect(table).toContain('![some-throughput-put](some-throughput-put.svg)')
    expect(table).not.toContain('throughput-get')
    const plot = readFileSync(join(folder, 'some-latency-put.svg'), 'utf8')
    expect(plot).toMatch(/^<svg [^>]*>\n/)
    expect(plot).toContain('>16 clients</text>')
    expect(plot).not.toContain('NaN')
  })

  it('is not made of other files', () => {
    const parse = (text: string) => () => parseResults(text, 'a file')
    expect(parse('{"kind":"sample"}')).toThrow(/does not begin/)
    expect(parse('{"kind":"other"}')).toThrow(/line 1 is no line of results/)
    expect(parse('no JSON')).toThrow(/line 1 is no line of results/)
  })
})
