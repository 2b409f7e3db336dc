/** `kura top`: the zone at work, live. */
import { systemClock, ZoneMasterClient } from '@kura/client'
import { KuraError } from '@kura/core'
import { requireMaster } from '../config.ts'
import type { CommandContext } from '../context.ts'
import { EXIT } from '../exit-code.ts'
import { printJson, printLine } from '../terminal.ts'
import { renderFrame, type FrameSize } from '../top/frame.ts'
import { TopScreen } from '../top/screen.ts'
import { TopSource, type Look } from '../top/source.ts'
import { computeView, type TopView } from '../top/view.ts'

export const TOP_HELP = `
Reads /metrics of every process that the zone master lists, or of the processes given
with --admin, and shows the last interval: frontends with times in milliseconds (p50,
p99), disks, volumes, the block index; memory, processor and p99 delay of the event loop
of each process. A process that does not answer is shown as down.

In a terminal the view stays until q or Ctrl-C; elsewhere it is printed once an interval.
NO_COLOR is respected. deploy/METRICS.md explains the figures.

Examples:
  kura top
  kura top --interval 5
  kura top --once
  kura top --admin 10.0.0.7:9101 --admin 10.0.0.8:9101
  kura top --once --json | jq '.disks[] | select(.state != "in-service")'`

export interface TopOptions {
  readonly intervalMs: number
  /** One picture, after one interval. */
  readonly once: boolean
  /** Admin listeners to read; none: those that the zone master lists. */
  readonly admins: readonly string[]
}

/** Columns where the width of the paper is not known. */
const PAPER_COLUMNS = 120
const KEYS = 'q quits'

export async function topCommand(context: CommandContext, options: TopOptions): Promise<number> {
  const { pocket, zone } = context.settings
  const master =
    options.admins.length > 0
      ? undefined
      : new ZoneMasterClient({ address: requireMaster(context.settings), pocket, zone })
  try {
    const source = new TopSource({ clock: systemClock, master, admins: options.admins })
    const { screen } = context.terminal
    if (screen === undefined || options.once || context.json) {
      await printViews(context, source, options)
    } else await showViews(context, source, options)
    return EXIT.ok
  } finally {
    master?.close()
  }
}

/** Until the signal; one view at the end of each interval. */
async function printViews(
  context: CommandContext,
  source: TopSource,
  options: TopOptions,
): Promise<void> {
  const { terminal, signal } = context
  const size: FrameSize = { columns: PAPER_COLUMNS, rows: undefined, keys: undefined }
  let before = await source.look(signal)
  do {
    await pause(options.intervalMs, signal)
    const now = await source.look(signal)
    const view = viewOf(context, options, { now, before })
    if (context.json) printJson(terminal, view)
    else {
      const lines = renderFrame(view, size)
      printLine(terminal, `${lines.map(({ text }) => text).join('\n')}\n`)
    }
    before = now
  } while (!options.once)
}

/** Until a key or the signal. */
async function showViews(
  context: CommandContext,
  source: TopSource,
  options: TopOptions,
): Promise<void> {
  const { screen, hasColor = false } = context.terminal
  if (screen === undefined) return
  const quit = new AbortController()
  const signal = AbortSignal.any([context.signal, quit.signal])
  // Before the screen is taken: where nothing can be read, the reason belongs on the shell's own.
  let before = await source.look(signal)
  let now = before
  const draw = (): void => {
    const { columns, rows } = screen.size()
    const view = viewOf(context, options, { now, before })
    top.draw(renderFrame(view, { columns, rows, keys: KEYS }))
  }
  using top = new TopScreen({ screen, hasColor, redraw: draw, quit: () => quit.abort() })
  try {
    for (;;) {
      draw()
      await pause(options.intervalMs, signal)
      const next = await source.look(signal)
      before = now
      now = next
    }
  } catch (error) {
    if (!quit.signal.aborted) throw error
  }
}

/** Throws `cancelled` when the signal aborts. */
async function pause(intervalMs: number, signal: AbortSignal): Promise<void> {
  await systemClock.sleep(intervalMs, { signal }).catch(() => undefined)
  if (signal.aborted) throw new KuraError('cancelled', 'interrupted')
}

function viewOf(
  context: CommandContext,
  options: TopOptions,
  looks: { readonly now: Look; readonly before: Look },
): TopView {
  const { pocket, zone } = context.settings
  const { now, before } = looks
  return {
    title: options.admins.length > 0 ? 'given processes' : `zone ${zone} of pocket ${pocket}`,
    atMs: systemClock.nowMs(),
    intervalMs: options.intervalMs,
    problem: now.problem,
    ...computeView({
      now: now.readings,
      before: before.readings,
      diskStates: now.diskStates,
    }),
  }
}
