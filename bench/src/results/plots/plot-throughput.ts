/** Throughput by clients: a panel for each size of block, a line for each door. */
import { MIB } from '@kura/core'
import type { Sample } from '../sample.ts'
import { median } from '../statistics.ts'
import { drawPlot, type Line, type Panel } from './line-plot.ts'

const SIZES = ['4 MiB', '1 MiB', '64 KiB', '4 KiB']
const DOORS = ['client', 'http', 'grpc']
const CLIENTS = [1, 4, 16, 64]
/** Rows of small blocks are about operations. */
const BYTES_FROM = ['4 MiB', '1 MiB']

/** Undefined where no door has two rows to draw a line through. */
export function plotThroughput(
  samples: readonly Sample[],
  operation: 'put' | 'get',
): string | undefined {
  const panels = SIZES.map((size) => panelOf(samples, operation, size))
  if (panels.every(({ lines }) => lines.length === 0)) return undefined
  return drawPlot({
    title: `Throughput of ${operation}s by clients`,
    xTitle: 'clients, one request in flight each',
    yTitle: 'MiB/s, or operations/s',
    xTicks: CLIENTS.map((at) => ({ at, label: String(at) })),
    xScale: (clients) => Math.log(clients) / Math.log(Math.max(...CLIENTS)),
    isLogY: false,
    panels: panels.filter(({ lines }) => lines.length > 0),
  })
}

function panelOf(samples: readonly Sample[], operation: string, size: string): Panel {
  const isBytes = BYTES_FROM.includes(size)
  const lines = DOORS.map((door): Line => {
    const points = CLIENTS.flatMap((clients) => {
      const name = `${operation} ${size} × ${clients} ${door}`
      const rates = samples
        .filter(({ part, row }) => part === 'load' && row === name)
        .map(({ bytes, operations, seconds }) => (isBytes ? bytes / MIB : operations) / seconds)
      return rates.length === 0 ? [] : [[clients, median(rates)] as const]
    })
    return { name: door, points }
  })
  return {
    title: `${size}, ${isBytes ? 'MiB/s' : 'operations/s'}`,
    lines: lines.filter(({ points }) => points.length > 1),
  }
}
