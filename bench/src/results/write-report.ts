/** Table and plots beside a file of results. They say what its lines say, and can be made again. */
import { writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { formatMarkdown } from './format-markdown.ts'
import { plotLatencies } from './plots/plot-latencies.ts'
import { plotPeers } from './plots/plot-peers.ts'
import { plotThroughput } from './plots/plot-throughput.ts'
import { readResults } from './result-file.ts'
import { judgeTargets } from './targets.ts'

const OPERATIONS = ['put', 'get'] as const
const PLOTS = { throughput: plotThroughput, latency: plotLatencies }

/** The path of the table. Throws what reading the results throws. */
export function writeReport(resultsPath: string): string {
  const results = readResults(resultsPath)
  const stem = resultsPath.replace(/\.jsonl$/, '')
  const plots: string[] = []
  const keep = (name: string, drawing: string | undefined): void => {
    if (drawing === undefined) return
    const path = `${stem}-${name}.svg`
    writeFileSync(path, drawing)
    plots.push(basename(path))
  }
  for (const [name, plot] of Object.entries(PLOTS)) {
    for (const operation of OPERATIONS) {
      keep(`${name}-${operation}`, plot(results.samples, operation))
    }
  }
  keep('peers', plotPeers(judgeTargets(results.samples)))
  const path = `${stem}.md`
  writeFileSync(path, formatMarkdown(results, plots))
  return path
}
