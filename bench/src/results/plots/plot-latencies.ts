/** Percentiles of the time of one request, from the histograms: how long the tail is. */
import { decodeFromCompressedBase64 } from 'hdr-histogram-js'
import type { Sample } from '../sample.ts'
import { drawPlot, type Line } from './line-plot.ts'

const PERCENTILES = [0, 50, 75, 90, 95, 99, 99.5, 99.9, 99.99]
const TICKS = [0, 50, 90, 99, 99.9, 99.99]
const SIZES = ['4 MiB', '64 KiB', '4 KiB']
const CLIENTS = [1, 16, 64]
const US_PER_MS = 1_000

/** Undefined where no such row was timed. */
export function plotLatencies(
  samples: readonly Sample[],
  operation: 'put' | 'get',
): string | undefined {
  const panels = SIZES.map((size) => ({ title: size, lines: linesOf(samples, operation, size) }))
  const drawn = panels.filter(({ lines }) => lines.length > 0)
  if (drawn.length === 0) return undefined
  return drawPlot({
    title: `Time of one ${operation} through the client library`,
    xTitle: 'percentile of requests',
    yTitle: 'ms',
    xTicks: TICKS.map((at) => ({ at, label: String(at) })),
    xScale: (percentile) => nines(percentile) / nines(TICKS.at(-1) ?? 0),
    isLogY: true,
    panels: drawn,
  })
}

/** 90 is 1, 99 is 2, 99.9 is 3. */
function nines(percentile: number): number {
  return -Math.log10(1 - percentile / 100)
}

/** At least one request took longer: what lies beyond is the slowest one again and again. */
function isTold(percentile: number, requests: number): boolean {
  return requests * (1 - percentile / 100) >= 1
}

function linesOf(samples: readonly Sample[], operation: string, size: string): readonly Line[] {
  return CLIENTS.flatMap((clients) => {
    const name = `${operation} ${size} × ${clients} client`
    const latency = samples.find(({ part, row }) => part === 'load' && row === name)?.latency
    if (latency === undefined) return []
    const histogram = decodeFromCompressedBase64(latency.histogram)
    const told = PERCENTILES.filter((percentile) => isTold(percentile, histogram.totalCount))
    const points = told.map((percentile) => {
      return [percentile, histogram.getValueAtPercentile(percentile) / US_PER_MS] as const
    })
    return [{ name: clients === 1 ? '1 client' : `${clients} clients`, points }]
  })
}
