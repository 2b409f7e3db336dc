/**
 * Fuzzes one decoder twice over: fast-check with random bytes and changed valid inputs, which it
 * shrinks when one fails, and a coverage-guided loop, which keeps every input that ran code that
 * no input had run before and changes those. Both are seeded; a failure prints the input itself,
 * also where it never ends.
 */
import fc from 'fast-check'
import { promisedCount } from '../promised-counts.ts'
import { SeededRandom } from '../seeded-random.ts'
import { BlockCoverage } from './block-coverage.ts'
import { HangWatch } from './hang-watch.ts'
import { judgeDecoder, type Decoder } from './judge-decoder.ts'
import { mutateBytes } from './mutate-bytes.ts'

const EXECUTIONS_DEFAULT = promisedCount('executions of a decoder')
/** One in so many executions is fast-check's. */
const FAST_CHECK_SHARE = 4
const SIZE_BYTES_MAX = 4096
const CORPUS_MAX = 500
/** Executions between two looks at the coverage: the fewer, the more news there was. */
const BATCH_MIN = 16
const BATCH_MAX = 1024

export interface FuzzedDecoder extends Decoder {
  readonly name: string
  /** Valid inputs, at least one. */
  readonly seeds: readonly Uint8Array[]
  /** Makes lengths and checksums right, so that changes get past them; for every other input. */
  readonly repair?: ((bytes: Buffer) => Buffer) | undefined
  /** Words that change what the decoder does. */
  readonly words?: readonly string[] | undefined
  /** Of one input; 4 KiB unless given. */
  readonly sizeBytesMax?: number | undefined
}

export interface FuzzResult {
  readonly executions: number
  readonly fastCheckExecutions: number
  /** Inputs that ran new code, the valid ones included. */
  readonly corpusCount: number
  readonly seed: number
}

/**
 * Rejects at the first input that breaks the property, with the input. `KURA_FUZZ_EXECUTIONS` and
 * `KURA_FUZZ_SEED` say how much and from where.
 */
export async function fuzzDecoder(fuzzed: FuzzedDecoder): Promise<FuzzResult> {
  const executions = Number(process.env['KURA_FUZZ_EXECUTIONS'] ?? EXECUTIONS_DEFAULT)
  const seed = Number(process.env['KURA_FUZZ_SEED'] ?? 1)
  const traceLimit = Error.stackTraceLimit
  // Nearly every execution throws, and its stack trace would be most of the time.
  Error.stackTraceLimit = 0
  const coverage = new BlockCoverage()
  using watch = new HangWatch({ name: fuzzed.name })
  const decode = (bytes: Buffer): unknown => {
    watch.begin(bytes)
    return fuzzed.decode(bytes)
  }
  const decoder: FuzzedDecoder = { ...fuzzed, decode }
  try {
    for (const bytes of decoder.seeds) await requireValid(decoder, Buffer.from(bytes))
    const fastCheckExecutions = Math.ceil(executions / FAST_CHECK_SHARE)
    await runFastCheck(decoder, { executions: fastCheckExecutions, seed })
    const guided = new GuidedFuzzer({ decoder, seed, coverage })
    await guided.run(executions - fastCheckExecutions)
    const result = { executions, fastCheckExecutions, corpusCount: guided.corpusCount, seed }
    process.stdout.write(`${describeResult(decoder.name, result)}\n`)
    return result
  } finally {
    Error.stackTraceLimit = traceLimit
  }
}

function describeResult(name: string, result: FuzzResult): string {
  const { executions, fastCheckExecutions, corpusCount, seed } = result
  const guided = executions - fastCheckExecutions
  const shares = `${fastCheckExecutions} by fast-check, ${guided} guided`
  return `fuzz ${name}: ${executions} executions (${shares}), corpus ${corpusCount}, seed ${seed}`
}

/** A seed that is refused would leave everything behind the first check untried. */
async function requireValid({ name, decode }: FuzzedDecoder, bytes: Buffer): Promise<void> {
  try {
    await decode(bytes)
  } catch (error) {
    throw new Error(`${name}: a valid input is refused`, { cause: error })
  }
}

async function requireGood(decoder: FuzzedDecoder, bytes: Buffer): Promise<void> {
  const complaint = await judgeDecoder(decoder, bytes)
  if (complaint === undefined) return
  throw new Error(`${decoder.name} ${complaint}; input in hex: ${bytes.toString('hex')}`)
}

async function runFastCheck(
  decoder: FuzzedDecoder,
  options: { readonly executions: number; readonly seed: number },
): Promise<void> {
  const { seeds, repair = (bytes) => bytes, sizeBytesMax = SIZE_BYTES_MAX } = decoder
  const random = fc.uint8Array({ maxLength: Math.min(512, sizeBytesMax) })
  const changes = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 6 })
  const changed = fc
    .tuple(fc.constantFrom(...seeds), changes, fc.boolean())
    .map(([valid, edits, isRepaired]) => {
      const bytes = Buffer.from(valid)
      for (const [at, value] of edits) if (bytes.length > 0) bytes[at % bytes.length] = value
      return isRepaired ? repair(bytes) : bytes
    })
  const property = fc.asyncProperty(fc.oneof(random, changed), async (bytes) => {
    await requireGood(decoder, Buffer.from(bytes))
  })
  const outcome = await fc.check(property, { numRuns: options.executions, seed: options.seed })
  // Of the smallest input that fails.
  if (outcome.failed) throw outcome.errorInstance
}

class GuidedFuzzer {
  readonly #decoder: FuzzedDecoder
  readonly #random: SeededRandom
  readonly #coverage: BlockCoverage
  readonly #corpus: Buffer[]
  readonly #words: readonly Buffer[]

  constructor(options: {
    readonly decoder: FuzzedDecoder
    readonly seed: number
    readonly coverage: BlockCoverage
  }) {
    const { decoder, seed, coverage } = options
    this.#coverage = coverage
    this.#decoder = decoder
    this.#random = new SeededRandom(seed)
    this.#corpus = decoder.seeds.map((bytes) => Buffer.from(bytes))
    this.#words = (decoder.words ?? []).map((word) => Buffer.from(word))
  }

  get corpusCount(): number {
    return this.#corpus.length
  }

  async run(executions: number): Promise<void> {
    const coverage = this.#coverage
    coverage.takeNews({ learn: false })
    for (const bytes of this.#corpus) await requireGood(this.#decoder, bytes)
    coverage.takeNews({ learn: true })
    let batchSize = BATCH_MIN
    for (let done = 0; done < executions; done += batchSize) {
      const batch = Array.from({ length: Math.min(batchSize, executions - done) }, () =>
        this.#mutant(),
      )
      for (const bytes of batch) await requireGood(this.#decoder, bytes)
      const hasNews = coverage.takeNews({ learn: false })
      if (hasNews) await this.#keepNews(batch)
      batchSize = hasNews ? BATCH_MIN : Math.min(BATCH_MAX, batchSize * 2)
    }
  }

  /** Finds the inputs of a batch that ran new code: halves it, until one is left. */
  async #keepNews(batch: readonly Buffer[]): Promise<void> {
    const coverage = this.#coverage
    if (this.#corpus.length >= CORPUS_MAX) return
    const middle = Math.ceil(batch.length / 2)
    for (const half of [batch.slice(0, middle), batch.slice(middle)]) {
      const [only] = half
      if (only === undefined) continue
      const isOne = half.length === 1
      for (const bytes of half) await judgeDecoder(this.#decoder, bytes)
      if (!coverage.takeNews({ learn: isOne })) continue

      if (isOne) this.#corpus.push(only)
      else await this.#keepNews(half)
    }
  }

  #mutant(): Buffer {
    const { repair, sizeBytesMax = SIZE_BYTES_MAX } = this.#decoder
    const mutant = mutateBytes(this.#pick(), {
      random: this.#random,
      other: this.#pick(),
      words: this.#words,
      sizeBytesMax,
    })
    return repair !== undefined && this.#random.next() < 0.5 ? repair(mutant) : mutant
  }

  #pick(): Buffer {
    const at = Math.floor(this.#random.next() * this.#corpus.length)
    return this.#corpus[at] ?? Buffer.alloc(0)
  }
}
