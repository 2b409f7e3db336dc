/** Figures as services write them for their page of metrics: `name{labels} value`, one a line. */
export interface MetricSample {
  readonly name: string
  /** With the braces; empty where there are none. */
  readonly labels: string
  readonly value: number
}

const LINE = /^(\w+)(\{[^}]*\})? (\S+)$/

/** Comments are left out. */
export function parseSamples(lines: readonly string[]): readonly MetricSample[] {
  return lines.flatMap((line) => {
    const match = LINE.exec(line)
    if (match === null) return []
    return [{ name: match[1] ?? '', labels: match[2] ?? '', value: Number(match[3]) }]
  })
}
