/**
 * Random lives of a store beside its model: sequences of fast-check's commands, each on a life of
 * its own, which has the store and knows what it must hold. A failure is shrunk and told with its
 * seed and path. `KURA_MODEL_EFFORT=long` lives ten times as many, `KURA_MODEL_SEED` lives others.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { promisedCount } from './promised-counts.ts'
import { temporaryDirectory } from './temporary-directory.ts'

const RUNS =
  process.env['KURA_MODEL_EFFORT'] === 'long' ? 250 : promisedCount('lives of a database')
const SEED = Number(process.env['KURA_MODEL_SEED'] ?? 1)

export interface RandomLife {
  /** The process ends as it is, and the store is opened again and compared with the model. */
  crash(): Promise<void> | void
  close(): Promise<void> | void
}

export type LifeCommand<Life> = fc.AsyncCommand<object, Life>

export class RandomLives<Life extends RandomLife> {
  #sequenceCount = 0
  #commandCount = 0

  command(name: string, act: (life: Life) => Promise<void> | void): LifeCommand<Life> {
    return {
      check: () => true,
      run: async (_model, life) => {
        this.#commandCount += 1
        await act(life)
      },
      toString: () => name,
    }
  }

  /** Each life begins in an empty directory, and ends with a crash. */
  async run(plan: {
    readonly commands: fc.Arbitrary<LifeCommand<Life>>[]
    readonly commandsMax: number
    readonly begin: (directory: string) => Life
  }): Promise<void> {
    await using root = await temporaryDirectory()
    const commands = fc.commands(plan.commands, { maxCommands: plan.commandsMax, size: 'max' })
    const property = fc.asyncProperty(commands, async (sequence) => {
      this.#sequenceCount += 1
      const directory = join(root.path, `life-${this.#sequenceCount}`)
      mkdirSync(directory)
      const life = plan.begin(directory)
      try {
        await fc.asyncModelRun(() => ({ model: {}, real: life }), sequence)
        await life.crash()
      } finally {
        await life.close()
      }
    })
    await fc.assert(property, { numRuns: RUNS, seed: SEED })
  }

  /** For the report of a test. */
  describe(): string {
    return `${this.#sequenceCount} sequences, ${this.#commandCount} commands, seed ${SEED}`
  }
}
