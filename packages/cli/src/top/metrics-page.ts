/** What one process says on /metrics, read once: figures by name and labels. */

export type Labels = Readonly<Record<string, string>>

interface Figure {
  readonly labels: Labels
  readonly value: number
}

/** `name{labels} value`; a label's value has its quotes escaped. */
const LINE_PATTERN = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: -?\d+)?$/
const LABEL_PATTERN = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g
const ESCAPES: Readonly<Record<string, string>> = { '\\\\': '\\', '\\"': '"', '\\n': '\n' }

export class MetricsPage {
  readonly #figures = new Map<string, Figure[]>()

  /** Lines that are none of the format are left out. */
  constructor(text: string) {
    for (const line of text.split('\n')) {
      const [, name, labels, value] = LINE_PATTERN.exec(line) ?? []
      if (name === undefined || value === undefined) continue
      const figures = this.#figures.get(name) ?? []
      figures.push({ labels: parseLabels(labels ?? ''), value: parseValue(value) })
      this.#figures.set(name, figures)
    }
  }

  figures(name: string, labels: Labels = {}): readonly Figure[] {
    const wanted = Object.entries(labels)
    const all = this.#figures.get(name) ?? []
    return all.filter((figure) => wanted.every(([key, value]) => figure.labels[key] === value))
  }

  /** Over all that have these labels; 0 where none has. */
  sum(name: string, labels: Labels = {}): number {
    return this.figures(name, labels).reduce((sum, { value }) => sum + value, 0)
  }
}

function parseLabels(text: string): Labels {
  const pairs = [...text.matchAll(LABEL_PATTERN)].map(([, name = '', value = '']) => [
    name,
    value.replaceAll(/\\[\\"n]/g, (escape) => ESCAPES[escape] ?? escape),
  ])
  return Object.fromEntries(pairs)
}

function parseValue(text: string): number {
  return text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text)
}
