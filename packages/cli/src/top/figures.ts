/** Figures in few columns. */
import type { Maybe } from './view.ts'

/** `-` where nothing is known; `0`, `3.4`, `812`, `12k`. */
export function formatRate(value: Maybe): string {
  if (value === undefined) return '-'
  if (value === 0) return '0'
  if (value < 9.95) return value.toFixed(1)
  return value < 99_999.5 ? String(Math.round(value)) : `${Math.round(value / 1000)}k`
}

/** Seconds as milliseconds in at most five characters: `0.42`, `42.1`, `345`. */
export function formatMs(seconds: Maybe): string {
  if (seconds === undefined) return '-'
  const ms = seconds * 1000
  return ms.toFixed(ms < 9.995 ? 2 : ms < 99.95 ? 1 : 0)
}

/** Headings of columns that hold words; they go to the left, figures to the right. */
const WORDS: readonly (string | undefined)[] = ['frontend', 'disk', 'state']

/** Two blanks between columns; the first row is the heading. */
export function alignRows(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, cell.length)
    }
  }
  const align = (cell: string, column: number): string => {
    const width = widths[column] ?? 0
    return WORDS.includes(rows[0]?.[column]) ? cell.padEnd(width) : cell.padStart(width)
  }
  return rows.map((row) => row.map(align).join('  ').trimEnd())
}
