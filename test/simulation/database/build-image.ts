import Database from 'better-sqlite3'
import type { Migration, NewDatabase } from '@kura/database'

/** Small tables are many: a page of 4 KiB for each would make every image large. */
const PAGE_BYTES = 1024

/** By what the tables are made from: empty tables are the same in every zone. */
const templates = new WeakMap<readonly Migration[], Buffer>()

/** The image of a new database. */
export function buildImage(contents: NewDatabase): Buffer {
  const template = templates.get(contents.migrations) ?? buildTemplate(contents)
  templates.set(contents.migrations, template)
  const connection = new Database(template)
  try {
    connection.transaction(() => contents.insertGenesis(connection))()
    return connection.serialize()
  } finally {
    connection.close()
  }
}

function buildTemplate({ buildTables }: NewDatabase): Buffer {
  const connection = new Database(':memory:')
  try {
    connection.pragma(`page_size = ${PAGE_BYTES}`)
    connection.transaction(() => buildTables(connection))()
    return connection.serialize()
  } finally {
    connection.close()
  }
}
