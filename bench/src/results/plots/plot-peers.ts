/** How the store stands against its peer: a bar for each row, from 1 to the ratio. */
import type { JudgedTarget, Measured } from '../targets.ts'
import { drawText, round } from './svg.ts'

const BAR = { left: 350, right: 56, top: 62, height: 16, step: 34 }
const WIDTH = 900
const FOOT = 84
const TICKS = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20]
/** Room beyond the least and the most. */
const MARGIN = 1.25
/** Of Okabe and Ito, as in the other plots. */
const COLOURS = { reached: '#0072b2', missed: '#d55e00' }

type MeasuredTarget = JudgedTarget & { readonly measured: Measured }

/** Undefined where no row was compared. */
export function plotPeers(targets: readonly JudgedTarget[]): string | undefined {
  const rows = targets.flatMap(({ measured, ...target }) =>
    target.isOfPeers && measured !== undefined ? [{ ...target, measured }] : [],
  )
  if (rows.length === 0) return undefined
  const place = scaleOf(
    rows.flatMap(({ must, goal, measured }) => [must, goal, measured.least, measured.most, 1]),
  )
  const bottom = BAR.top + rows.length * BAR.step
  const height = bottom + FOOT
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" ` +
      `height="${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="white"/>`,
    drawText(WIDTH / 2, 24, 'Kura against Ceph on the same machine', centred('font-size="15"')),
    ...drawAxis(place, bottom),
    ...rows.map((row, index) => drawRow(row, place, BAR.top + index * BAR.step)),
    ...drawLegend(bottom + 62),
    '</svg>',
    '',
  ].join('\n')
}

interface Scale {
  /** Where a ratio lies, in pixels. */
  readonly of: (ratio: number) => number
  readonly ticks: readonly number[]
}

/** Twice as fast is as far from 1 as half as fast. */
function scaleOf(ratios: readonly number[]): Scale {
  const least = Math.log(Math.min(...ratios) / MARGIN)
  const most = Math.log(Math.max(...ratios) * MARGIN)
  const length = WIDTH - BAR.left - BAR.right
  return {
    of: (ratio) => BAR.left + ((Math.log(ratio) - least) / (most - least)) * length,
    ticks: TICKS.filter((tick) => Math.log(tick) >= least && Math.log(tick) <= most),
  }
}

function drawAxis({ of, ticks }: Scale, bottom: number): readonly string[] {
  const middle = (BAR.left + WIDTH - BAR.right) / 2
  return [
    ...ticks.flatMap((tick) => {
      const stroke = tick === 1 ? '#444' : '#ddd'
      return [
        `<path d="M${round(of(tick))} ${BAR.top - 8}V${bottom}" stroke="${stroke}"/>`,
        drawText(of(tick), bottom + 16, `${tick}×`, centred('')),
      ]
    }),
    drawText(middle, bottom + 36, "Kura's figure over Ceph's, logarithmic", centred('')),
  ]
}

function drawRow(row: MeasuredTarget, { of }: Scale, top: number): string {
  const { name, measured, must, goal, isFloor, verdict } = row
  const { ratio, least, most } = measured
  const [from, to] = [of(1), of(ratio)].sort((one, other) => one - other)
  const middle = top + BAR.height / 2
  const colour = verdict === 'missed' ? COLOURS.missed : COLOURS.reached
  const aim = isFloor ? '' : ' (less is better)'
  return [
    drawText(BAR.left - 10, middle, `${name}${aim}`, 'text-anchor="end"'),
    drawText(BAR.left - 10, middle + 14, `${ratio.toFixed(2)}×, ${verdict}`, SMALL),
    `<rect x="${round(from ?? 0)}" y="${top}" width="${round((to ?? 0) - (from ?? 0))}" ` +
      `height="${BAR.height}" fill="${colour}" fill-opacity="0.75"/>`,
    `<path d="M${round(of(least))} ${middle}H${round(of(most))}" ${THIN}/>`,
    markMust(of(must), middle),
    markGoal(of(goal), middle),
  ].join('\n')
}

const THIN = 'stroke="black" stroke-width="1.5"'
const SMALL = 'text-anchor="end" font-size="10" fill="#555"'

function markMust(x: number, y: number): string {
  return `<path d="M${round(x)} ${y - 12}V${y + 12}" stroke="black" stroke-width="3"/>`
}

function markGoal(x: number, y: number): string {
  const at = round(x)
  return `<path d="M${at} ${y - 7}l6 7l-6 7l-6 -7z" fill="white" ${THIN}/>`
}

function drawLegend(y: number): readonly string[] {
  const box = (x: number, colour: string): string =>
    `<rect x="${x}" y="${y - 6}" width="24" height="12" fill="${colour}" fill-opacity="0.75"/>`
  const x = BAR.left - 190
  return [
    box(x, COLOURS.reached),
    drawText(x + 30, y + 4, 'must reached', ''),
    box(x + 130, COLOURS.missed),
    drawText(x + 160, y + 4, 'must missed', ''),
    markMust(x + 262, y),
    drawText(x + 272, y + 4, 'must', ''),
    markGoal(x + 328, y),
    drawText(x + 342, y + 4, 'goal', ''),
    `<path d="M${x + 394} ${y}h26" ${THIN}/>`,
    drawText(x + 426, y + 4, 'rounds with our driver, least to most', ''),
  ]
}

function centred(attributes: string): string {
  return `text-anchor="middle" ${attributes}`
}
