import Database from 'better-sqlite3'
import { assert } from '@kura/core'
import type { ProcessScope } from '../kernel/process-scope.ts'

/** Images kept of one database, the newest. */
const IMAGES_MAX = 16

interface Holder {
  readonly scope: ProcessScope
  readonly connection: Database.Database
}

/** One database: what is on its disk, and the process that has it open. */
export class StoredDatabase {
  /** Oldest first; never empty. */
  readonly #images: Buffer[]
  readonly #commitsPerImage: number
  #commitsSinceImage = 0
  #holder: Holder | undefined

  constructor(image: Buffer, options: { readonly commitsPerImage: number }) {
    this.#images = [image]
    this.#commitsPerImage = options.commitsPerImage
  }

  get isHeld(): boolean {
    return this.#holder?.scope.isAlive === true
  }

  /** A connection to a copy of the image, as the only owner. REQUIRES: nobody holds it. */
  open(scope: ProcessScope): Database.Database {
    assert(!this.isHeld, 'a database has one owner')
    this.discard()
    const connection = new Database(this.#newest())
    this.#holder = { scope, connection }
    scope.onEnd(() => {
      if (this.isOf(connection)) this.#takeImage()
    })
    return connection
  }

  isOf(connection: Database.Database): boolean {
    return this.#holder?.connection === connection
  }

  /** A transaction is durable; of the dead, none is. */
  committed(connection: Database.Database): void {
    if (!this.isOf(connection) || this.#holder?.scope.isAlive !== true) return
    this.#commitsSinceImage += 1
    if (this.#commitsSinceImage >= this.#commitsPerImage) this.#takeImage()
  }

  image(): Buffer {
    this.#takeImage()
    return this.#newest()
  }

  olderImage(steps: number): Buffer | undefined {
    this.#takeImage()
    return this.#images.at(-1 - steps)
  }

  /** What a process does that stops in order; one that was killed changes nothing any more. */
  close(connection: Database.Database): void {
    if (this.isOf(connection)) this.discard()
    else connection.close()
  }

  /** Frees the connection. */
  discard(): void {
    this.#takeImage()
    this.#holder?.connection.close()
    this.#holder = undefined
  }

  #newest(): Buffer {
    const image = this.#images.at(-1)
    assert(image !== undefined, 'a stored database has an image')
    return image
  }

  /** In memory SQLite shows an image of what is committed, also inside of a transaction. */
  #takeImage(): void {
    if (this.#commitsSinceImage === 0 || this.#holder === undefined) return
    this.#commitsSinceImage = 0
    this.#images.push(this.#holder.connection.serialize())
    if (this.#images.length > IMAGES_MAX) this.#images.shift()
  }
}
