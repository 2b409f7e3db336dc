import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { plotLatencies } from './plots/plot-latencies.ts'
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

  it('says so where clients had to ask again', () => {
    const path = join(folder, 'retries.jsonl')
    appendResult(path, makeResults([]).heading)
    appendResult(path, makeSample({ retries: 0 }))
    appendResult(path, makeSample({ row: 'get 4 MiB × 16 http', retries: 7 }))
    const lines = readFileSync(writeReport(path), 'utf8').split('\n')
    const asked = lines.filter((line) => line.includes('**asked again 7 times**'))
    expect(asked).toEqual([expect.stringContaining('| get 4 MiB × 16 http |')])
    expect(lines.filter((line) => line.includes('asked again'))).toHaveLength(1)
  })

  it('draws a bar for each row that was compared with a peer', () => {
    const path = join(folder, 'peers.jsonl')
    const row = 'put 4 MiB × 16'
    appendResult(path, makeResults([]).heading)
    appendResult(path, makeSample({ part: 'peers', row, operations: 50 }))
    appendResult(path, makeSample({ part: 'peers', row, system: 'ceph', operations: 100 }))
    expect(readFileSync(writeReport(path), 'utf8')).toContain('| 0.50 | missed |')
    const plot = readFileSync(join(folder, 'peers-peers.svg'), 'utf8')
    expect(plot).toContain('0.50×, missed</text>')
    expect(plot.match(/<rect /g)).toHaveLength(4)
    expect(plot).not.toContain('NaN')
  })

  it('draws no percentile beyond the slowest request', () => {
    const svg = plotLatencies([makeSample()], 'put') ?? ''
    const [line] = /<path d="M[\d. L]+" fill="none" stroke="#0072b2"/.exec(svg) ?? ['']
    expect(line.split('L')).toHaveLength(6)
  })

  it('leaves out a last line that was broken off', () => {
    const lines = [makeResults([]).heading, makeSample()].map((line) => JSON.stringify(line))
    const text = `${lines.join('\n')}\n${lines[1]?.slice(0, 40)}`
    expect(parseResults(text, 'a file').samples).toEqual([makeSample()])
  })

  it('is not made of other files', () => {
    const parse = (text: string) => () => parseResults(text, 'a file')
    expect(parse('{"kind":"sample"}\n')).toThrow(/does not begin/)
    expect(parse('{"kind":"other"}\n')).toThrow(/line 1 is no line of results/)
    expect(parse('no JSON\n')).toThrow(/line 1 is no line of results/)
  })
})
