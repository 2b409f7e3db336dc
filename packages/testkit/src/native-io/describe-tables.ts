/** Every row of every table as text, for comparing what two databases hold. */
interface Queries {
  prepare<Row>(sql: string): { all(): Row[] }
}

export function describeTables(database: Queries): string {
  const tables = database
    .prepare<{ readonly name: string }>(
      `select name from sqlite_master where type = 'table' order by name`,
    )
    .all()
  const lines = tables.flatMap(({ name }) => [
    name,
    ...database
      .prepare<Record<string, unknown>>(`select * from "${name}"`)
      .all()
      .map((row) => JSON.stringify(row, showBytes))
      .sort(),
  ])
  return lines.join('\n')
}

/** Bytes come here as what their `toJSON` made of them. */
function showBytes(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('data' in value)) return value
  return Array.isArray(value.data) ? Buffer.from(value.data).toString('hex') : value
}
