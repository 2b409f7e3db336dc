/** One line on standard error that is drawn over itself while a transfer runs. */
import type { Progress } from '@kura/client'
import type { Clock } from '@kura/core'
import { formatBytes, formatDuration } from './format.ts'
import type { Terminal } from './terminal.ts'

const REDRAW_MS = 100
const BAR_COLUMNS = 24

/** What a bar shows of a transfer. */
export type ShownProgress = Omit<Progress, 'blocksDone'>

export class ProgressBar {
  readonly #terminal: Terminal
  readonly #clock: Clock
  readonly #verb: string
  readonly #startedAtMs: number
  #drawnAtMs = Number.NEGATIVE_INFINITY

  /** `verb` is what happens, e.g. `put`. */
  constructor(options: {
    readonly terminal: Terminal
    readonly clock: Clock
    readonly verb: string
  }) {
    this.#terminal = options.terminal
    this.#clock = options.clock
    this.#verb = options.verb
    this.#startedAtMs = options.clock.monotonicMs()
  }

  /** Draws at most ten times a second. */
  readonly show = (progress: ShownProgress): void => {
    const nowMs = this.#clock.monotonicMs()
    if (nowMs - this.#drawnAtMs < REDRAW_MS) return
    this.#drawnAtMs = nowMs
    const line = describeProgress(progress, {
      verb: this.#verb,
      elapsedMs: nowMs - this.#startedAtMs,
    })
    this.#terminal.errors.write(`\r${line.slice(0, this.#terminal.columns - 1)}\u001b[K`)
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#drawnAtMs > 0) this.#terminal.errors.write('\r\u001b[K')
  }
}

export function describeProgress(
  progress: ShownProgress,
  context: { readonly verb: string; readonly elapsedMs: number },
): string {
  const { bytesDone, bytesTotal, filesDone, filesTotal } = progress
  const bytesPerSecond = (bytesDone * 1000) / Math.max(1, context.elapsedMs)
  const parts = [describeBytes(bytesDone, bytesTotal)]
  if (filesTotal !== 1)
    parts.push(`${filesDone}${filesTotal === undefined ? '' : `/${filesTotal}`} files`)
  parts.push(`${formatBytes(bytesPerSecond)}/s`)
  if (bytesTotal !== undefined && bytesPerSecond > 0) {
    parts.push(`${formatDuration(((bytesTotal - bytesDone) * 1000) / bytesPerSecond)} left`)
  }
  return `${context.verb} ${parts.join(' · ')}`
}

function describeBytes(bytesDone: number, bytesTotal: number | undefined): string {
  if (bytesTotal === undefined) return formatBytes(bytesDone)
  const share = bytesTotal === 0 ? 1 : Math.min(1, Math.max(0, bytesDone / bytesTotal))
  const full = Math.round(share * BAR_COLUMNS)
  const bar = '█'.repeat(full) + '░'.repeat(BAR_COLUMNS - full)
  const percent = String(Math.floor(share * 100)).padStart(3)
  return `${percent} % ${bar} ${formatBytes(bytesDone)}/${formatBytes(bytesTotal)}`
}
