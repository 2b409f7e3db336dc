/**
 * A decoder that never ends cannot be judged in its own thread, where nothing else runs then. So a
 * second thread looks on: where one execution lasts too long, it prints the input and ends the
 * process.
 */
import { Worker } from 'node:worker_threads'

/** Far above what an execution may take: the process may get no time on a busy machine. */
const HANG_MS = 30_000
const LOOKS = 10
const INPUT_BYTES_MAX = 64 * 1024
const COUNT_AT = 0
const SIZE_AT = 1

/** Plain JavaScript, because a thread from a string needs no file beside the compiled ones. */
const LOOK_ON = `
const { writeSync } = require('node:fs')
const { name, numbers, input, hangMs, looks } = require('node:worker_threads').workerData
let seenCount = -1
let looksAtOne = 0
setInterval(() => {
  const count = Atomics.load(numbers, ${COUNT_AT})
  looksAtOne = count === seenCount ? looksAtOne + 1 : 0
  seenCount = count
  if (looksAtOne < looks) return
  const bytes = Buffer.from(input.subarray(0, Atomics.load(numbers, ${SIZE_AT})))
  writeSync(2, name + ' does not end; input in hex: ' + bytes.toString('hex') + '\\n')
  process.kill(process.pid, 'SIGKILL')
}, hangMs / looks)
`

export class HangWatch implements Disposable {
  readonly #numbers = new Int32Array(new SharedArrayBuffer(8))
  readonly #input = new Uint8Array(new SharedArrayBuffer(INPUT_BYTES_MAX))
  readonly #worker: Worker

  constructor(options: { readonly name: string; readonly hangMs?: number }) {
    const { name, hangMs = HANG_MS } = options
    const workerData = { name, numbers: this.#numbers, input: this.#input, hangMs, looks: LOOKS }
    // Options of this process are not for it: as a module the string would have no `require`.
    this.#worker = new Worker(LOOK_ON, { eval: true, workerData, execArgv: [] })
    this.#worker.unref()
  }

  /** One more execution begins, with this input; of a longer one the beginning is remembered. */
  begin(bytes: Uint8Array): void {
    this.#input.set(bytes.subarray(0, INPUT_BYTES_MAX))
    Atomics.store(this.#numbers, SIZE_AT, Math.min(bytes.length, INPUT_BYTES_MAX))
    Atomics.add(this.#numbers, COUNT_AT, 1)
  }

  [Symbol.dispose](): void {
    void this.#worker.terminate()
  }
}
