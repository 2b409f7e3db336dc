/** Panels of lines side by side, as one SVG on white: what the plots of the bench share. */
import { drawText as text, round } from './svg.ts'

export interface Line {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

export interface Panel {
  readonly title: string
  readonly lines: readonly Line[]
}

export interface PlotOptions {
  readonly title: string
  readonly xTitle: string
  readonly yTitle: string
  readonly xTicks: readonly { readonly at: number; readonly label: string }[]
  /** Where a value lies between the sides of a panel, 0 to 1. */
  readonly xScale: (x: number) => number
  readonly isLogY: boolean
  readonly panels: readonly Panel[]
}

const PANEL = { width: 300, height: 220, left: 62, right: 24, top: 34, bottom: 46 }
const HEAD = 40
const LEGEND = 30
const Y_TICKS = 5
/** Of Okabe and Ito: told apart by every kind of sight; the dashes help in print. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#000000', '#e69f00']
const DASHES = ['', '6 3', '2 3', '8 3 2 3', '', '4 4']

export function drawPlot(options: PlotOptions): string {
  const { panels, title } = options
  const names = [...new Set(panels.flatMap(({ lines }) => lines.map(({ name }) => name)))]
  const width = panels.length * PANEL.width
  const height = HEAD + PANEL.height + LEGEND
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" ` +
      `height="${height}" font-family="sans-serif" font-size="11">`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    text(width / 2, 22, title, 'font-size="14" text-anchor="middle"'),
    ...panels.map((panel, index) => drawPanel(panel, { ...options, names, index })),
    ...drawLegend(names, HEAD + PANEL.height + 12),
    '</svg>',
    '',
  ].join('\n')
}

function drawPanel(
  panel: Panel,
  options: PlotOptions & { readonly names: readonly string[]; readonly index: number },
): string {
  const { xTicks, xScale, xTitle, yTitle, names, index, isLogY } = options
  const right = PANEL.width - PANEL.right
  const bottom = PANEL.height - PANEL.bottom
  const values = panel.lines.flatMap(({ points }) => points.map(([, y]) => y))
  const y = yScaleOf(values, isLogY)
  const px = (value: number): number => PANEL.left + xScale(value) * (right - PANEL.left)
  const py = (value: number): number => bottom - y.place(value) * (bottom - PANEL.top)
  return [
    `<g transform="translate(${index * PANEL.width} ${HEAD})">`,
    text((PANEL.left + right) / 2, 20, panel.title, 'font-weight="bold" text-anchor="middle"'),
    ...y.ticks.flatMap((tick) => [
      `<path d="M${PANEL.left} ${round(py(tick))}H${right}" stroke="#ddd"/>`,
      text(PANEL.left - 6, py(tick) + 4, label(tick), 'text-anchor="end"'),
    ]),
    ...xTicks.flatMap(({ at, label: name }) => [
      `<path d="M${round(px(at))} ${bottom}v4" stroke="#444"/>`,
      text(px(at), bottom + 16, name, 'text-anchor="middle"'),
    ]),
    `<path d="M${PANEL.left} ${PANEL.top}V${bottom}H${right}" stroke="#444" fill="none"/>`,
    text((PANEL.left + right) / 2, bottom + 34, xTitle, 'text-anchor="middle"'),
    index === 0 ? text(14, (PANEL.top + bottom) / 2, yTitle, turned((PANEL.top + bottom) / 2)) : '',
    ...panel.lines.map(({ name, points }) => {
      const path = points.map(([x, value]) => `${round(px(x))} ${round(py(value))}`).join('L')
      return `<path d="M${path}" ${strokeOf(names.indexOf(name))}/>`
    }),
    '</g>',
  ].join('\n')
}

function drawLegend(names: readonly string[], y: number): readonly string[] {
  let x = PANEL.left
  return names.flatMap((name, index) => {
    const from = x
    x += 52 + name.length * 6.2
    return [
      `<path d="M${round(from)} ${y}h26" ${strokeOf(index)}/>`,
      text(from + 32, y + 4, name, ''),
    ]
  })
}

function strokeOf(index: number): string {
  const colour = COLOURS[index % COLOURS.length] ?? ''
  const dash = DASHES[index % DASHES.length] ?? ''
  const dashed = dash === '' ? '' : ` stroke-dasharray="${dash}"`
  return `fill="none" stroke="${colour}" stroke-width="2"${dashed}`
}

/** From 0, or over whole decades. */
function yScaleOf(
  values: readonly number[],
  isLog: boolean,
): { readonly place: (value: number) => number; readonly ticks: readonly number[] } {
  const most = Math.max(...values, Number.MIN_VALUE)
  if (!isLog) {
    const step = niceStep(most / Y_TICKS)
    const top = Math.ceil(most / step) * step
    const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_unused, at) => at * step)
    return { place: (value) => value / top, ticks }
  }
  const from = Math.floor(Math.log10(Math.min(...values)))
  const to = Math.max(from + 1, Math.ceil(Math.log10(most)))
  const ticks = Array.from({ length: to - from + 1 }, (_unused, at) => 10 ** (from + at))
  return { place: (value) => (Math.log10(value) - from) / (to - from), ticks }
}

/** 1, 2 or 5 times a power of ten, at least as large. */
function niceStep(least: number): number {
  const decade = 10 ** Math.floor(Math.log10(least))
  return [1, 2, 5, 10].map((each) => each * decade).find((each) => each >= least) ?? least
}

function label(value: number): string {
  return value >= 1 ? String(Math.round(value)) : String(Number(value.toPrecision(1)))
}

function turned(y: number): string {
  return `text-anchor="middle" transform="rotate(-90 14 ${round(y)})"`
}
