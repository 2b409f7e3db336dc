/** Counters of what must happen sometimes, so that a test which never gets there is noticed. */
export type Coverage = Readonly<Record<string, number>>

/** Sums by key. */
export function mergeCoverage(...parts: readonly Coverage[]): Coverage {
  const sums = new Map<string, number>()
  for (const part of parts) {
    for (const [key, count] of Object.entries(part)) sums.set(key, (sums.get(key) ?? 0) + count)
  }
  return Object.fromEntries([...sums].sort(([a], [b]) => compareText(a, b)))
}

/** The expected keys that were counted less than `timesMin` times, in their order. */
export function findMissing(
  coverage: Coverage,
  options: { readonly expected: readonly string[]; readonly timesMin?: number },
): readonly string[] {
  const timesMin = options.timesMin ?? 1
  return options.expected.filter((key) => (coverage[key] ?? 0) < timesMin)
}

/** Throws with everything that is missing. */
export function requireAll(
  coverage: Coverage,
  options: { readonly expected: readonly string[]; readonly timesMin?: number },
): void {
  const missing = findMissing(coverage, options)
  if (missing.length === 0) return
  const rows = missing.map((key) => `${key}: ${coverage[key] ?? 0}`)
  throw new Error(
    `${missing.length} of ${options.expected.length} never happened` +
      ` or less than ${options.timesMin ?? 1} times:\n${rows.join('\n')}`,
  )
}

/** Grouped by what stands before the colon, the rarest first. */
export function formatCoverage(coverage: Coverage): string {
  const groups = Map.groupBy(Object.entries(coverage), ([key]) => key.split(':', 1)[0] ?? key)
  const lines = [...groups].flatMap(([group, entries]) => {
    const rows = entries.toSorted(([keyA, a], [keyB, b]) => a - b || compareText(keyA, keyB))
    return [`${group} (${rows.length})`, ...rows.map(([key, count]) => formatRow(key, count))]
  })
  return lines.join('\n')
}

function formatRow(key: string, count: number): string {
  return `${String(count).padStart(10)}  ${key}`
}

function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
