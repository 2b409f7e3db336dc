/**
 * The client of a zone. It speaks the block transport to the application listeners of frontends.
 *
 * - A put is acknowledged only when every copy and the index row are on stable storage.
 * - What `get` returns has been verified: its SHA-256 is the hash that was asked for.
 * - Operations are repeated until they succeed, fail for good, or their deadline passes; a put
 *   whose outcome is unknown is put again, which is harmless.
 */
import {
  BLOCK_SIZE_BYTES_MAX,
  KuraError,
  parseBlockHash,
  parsePocketId,
  type BlockHash,
  type Clock,
  type Random,
} from '@kura/core'
import { BlockClient, type SocketNetwork } from '@kura/transport'
import { prepareBlock, statBlock } from './block-operations.ts'
import type { Workspace } from './blocks.ts'
import { BufferPool } from './buffer-pool.ts'
import { describeReference, type Description } from './describe.ts'
import {
  getFileToPath,
  readFilePieces,
  type GetFileOptions,
  type GetFileResult,
  type ReadFileOptions,
} from './get-file.ts'
import { getTreeToPath, type GetTreeOptions, type GetTreeResult } from './get-tree.ts'
import {
  ATTEMPT_TIMEOUT_MS,
  OPERATION_TIMEOUT_MS,
  PARALLELISM_DEFAULT,
  PARALLELISM_MAX,
  READ_AHEAD_BUFFERS,
} from './limits.ts'
import { pathBytes } from './local-file.ts'
import {
  putFileAtPath,
  putFileFromStream,
  type PutFileOptions,
  type PutFileResult,
} from './put-file.ts'
import { putTreeAtPath, type PutTreeOptions, type PutTreeResult } from './put-tree.ts'
import type { BlockInfo, PutReceipt } from './receipt.ts'
import type { Reference } from './reference.ts'
import { RetryBudget } from './retry-budget.ts'
import { runWithRetries, throwIfCancelled, type Attempt, type RetryContext } from './retry.ts'
import { ServerList } from './server-list.ts'
import { Slots } from './slots.ts'
import { SmallBlocks } from './small-blocks.ts'
import { systemClock, systemRandom } from './system.ts'

export interface KuraClientOptions {
  /** `host:port` of application listeners; the client fails over between them. */
  readonly servers: readonly string[]
  /** Name of the pocket; a server of another one is refused. */
  readonly pocket: string
  /** Puts, and gets, in flight at a time. Files take as many blocks of memory. Default 16. */
  readonly parallelism?: number
  /** For one operation on a block, retries included. Default 60 s. */
  readonly timeoutMs?: number
  /** For one attempt of it. Default 20 s. */
  readonly attemptTimeoutMs?: number
  /**
   * Whom the requests count for where several clients on one machine compete: letters, digits,
   * dots, underscores and dashes, at most 64. Without it they all count as one.
   */
  readonly clientName?: string
  readonly clock?: Clock
  readonly random?: Random
  /** Instead of TCP, for tests. */
  readonly network?: SocketNetwork | undefined
}

export interface BlockOptions {
  /** Instead of the client's. Counts from when the operation gets its turn. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface GetOptions extends BlockOptions {
  /** Memory to read into, at least as long as the block; the answer is a view of it. */
  readonly into?: Uint8Array | undefined
}

export class KuraClient implements AsyncDisposable {
  readonly #transport: BlockClient
  readonly #small: SmallBlocks
  readonly #retries: RetryContext
  readonly #timeoutMs: number
  readonly #putSlots: Slots
  readonly #getSlots: Slots
  readonly #workspace: Workspace
  readonly #closing = new AbortController()

  /** Connects only when first used. Throws `invalid-argument`. */
  constructor(options: KuraClientOptions) {
    const { clock = systemClock, random = systemRandom } = options
    const parallelism = checkParallelism(options.parallelism ?? PARALLELISM_DEFAULT)
    this.#timeoutMs = options.timeoutMs ?? OPERATION_TIMEOUT_MS
    const { clientName = '' } = options
    this.#transport = new BlockClient({
      hello: { pocket: parsePocketId(options.pocket), zone: '', role: 'client', clientName },
      clock,
      network: options.network,
      connectionsPerAddressMax: 2 * parallelism,
    })
    this.#small = new SmallBlocks(this.#transport, clock)
    this.#retries = {
      servers: new ServerList({ addresses: options.servers, clock, random }),
      budget: new RetryBudget(clock),
      clock,
      random,
      attemptTimeoutMs: options.attemptTimeoutMs ?? ATTEMPT_TIMEOUT_MS,
      closed: this.#closing.signal,
    }
    this.#putSlots = new Slots(parallelism)
    this.#getSlots = new Slots(parallelism)
    const buffers = new BufferPool(parallelism + READ_AHEAD_BUFFERS)
    this.#workspace = { blocks: this, buffers, parallelism }
  }

  /**
   * Stores a block of 1 byte to 4 MiB and answers its receipt. The bytes must not change before.
   * Durable: the block on every copy, and its index row.
   */
  async put(bytes: Uint8Array, options: BlockOptions = {}): Promise<PutReceipt> {
    checkBlockSize(bytes)
    return await this.#run(this.#putSlots, options, () => {
      const block = prepareBlock(bytes)
      return (attempt) => this.#small.put(attempt, block)
    })
  }

  /** The bytes whose SHA-256 is `hash`, verified. Throws `not-found` where there are none. */
  async get(hash: BlockHash | string, options: GetOptions = {}): Promise<Uint8Array> {
    const block = { hash: parseBlockHash(hash), into: options.into }
    return await this.#run(
      this.#getSlots,
      options,
      () => (attempt) => this.#small.get(attempt, block),
    )
  }

  /** What the zone knows about a block. Throws `not-found`. */
  async stat(hash: BlockHash | string, options: BlockOptions = {}): Promise<BlockInfo> {
    const asked = parseBlockHash(hash)
    return await this.#run(
      this.#getSlots,
      options,
      () => (attempt) => statBlock(this.#transport, attempt, asked),
    )
  }

  /** What lies behind a reference, without its content. Throws `not-found`. */
  async describe(reference: Reference | string, options: BlockOptions = {}): Promise<Description> {
    const stat = (hash: BlockHash): Promise<BlockInfo> => this.stat(hash, options)
    return await describeReference(this, reference, stat)
  }

  /**
   * Stores a file of any size, from a path or from any source of bytes, in bounded memory.
   * Durable: everything that the reference names.
   */
  async putFile(
    source: string | Uint8Array | AsyncIterable<Uint8Array>,
    options: PutFileOptions = {},
  ): Promise<PutFileResult> {
    return await this.#transfer(options.signal, () => {
      const isPath = typeof source === 'string' || source instanceof Uint8Array
      return isPath
        ? putFileAtPath(this.#workspace, pathBytes(source), options)
        : putFileFromStream(this.#workspace, source, options)
    })
  }

  /** Writes a stored file to a path that is free, with its mode and time, in bounded memory. */
  async getFile(
    reference: Reference | string,
    path: string | Uint8Array,
    options: GetFileOptions = {},
  ): Promise<GetFileResult> {
    return await this.#transfer(options.signal, () =>
      getFileToPath(this.#workspace, { reference, path: pathBytes(path) }, options),
    )
  }

  /** The verified bytes of a stored file, or of a range of it, in order, in bounded memory. */
  async *readFile(
    reference: Reference | string,
    options: ReadFileOptions = {},
  ): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* readFilePieces(this.#workspace, reference, options)
    } catch (error) {
      throwIfCancelled(options.signal)
      throw error
    }
  }

  /**
   * Stores a directory and all below it, in bounded memory. What cannot be read is not fatal: it is
   * in the result, counted and named.
   */
  async putTree(path: string | Uint8Array, options: PutTreeOptions = {}): Promise<PutTreeResult> {
    return await this.#transfer(options.signal, () =>
      putTreeAtPath(this.#workspace, pathBytes(path), options),
    )
  }

  /** Restores a directory. Nothing outside `path` is touched, nothing replaced unless told. */
  async getTree(
    reference: Reference | string,
    path: string | Uint8Array,
    options: GetTreeOptions = {},
  ): Promise<GetTreeResult> {
    return await this.#transfer(options.signal, () =>
      getTreeToPath(this.#workspace, { reference, path: pathBytes(path) }, options),
    )
  }

  /** Cuts the connections; what is still running fails with `shutting-down`. */
  close(): void {
    this.#closing.abort()
    this.#transport.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close()
    return Promise.resolve()
  }

  /** Runs an operation in its turn, with retries. `begin` prepares it once, when its turn comes. */
  async #run<T>(
    slots: Slots,
    options: BlockOptions,
    begin: () => (attempt: Attempt) => Promise<T>,
  ): Promise<T> {
    const { signal, timeoutMs = this.#timeoutMs } = options
    return await this.#transfer(signal, () =>
      slots.run(() => runWithRetries(this.#retries, { timeoutMs, signal }, begin()), signal),
    )
  }

  /** Whatever the caller's signal interrupts ends as `cancelled`. */
  async #transfer<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    throwIfCancelled(signal)
    try {
      return await work()
    } catch (error) {
      throwIfCancelled(signal)
      throw error
    }
  }
}

function checkParallelism(parallelism: number): number {
  if (Number.isInteger(parallelism) && parallelism >= 1 && parallelism <= PARALLELISM_MAX) {
    return parallelism
  }
  throw new KuraError('invalid-argument', `parallelism is 1 to ${PARALLELISM_MAX}`, {
    details: { parallelism },
  })
}

function checkBlockSize(bytes: Uint8Array): void {
  if (bytes.length === 0) throw new KuraError('block-empty', 'a block has at least one byte')
  if (bytes.length <= BLOCK_SIZE_BYTES_MAX) return
  throw new KuraError('block-too-large', 'a block has at most 4 MiB', {
    details: { sizeBytes: bytes.length },
    hint: 'putFile cuts any file into blocks',
  })
}
