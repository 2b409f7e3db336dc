/** `kura prove --for 10m`: whether a running zone keeps what it acknowledges. */
import { CopyReader, systemClock, systemRandom, type KuraClient } from '@kura/client'
import { KuraError } from '@kura/core'
import { requireServers } from '../config.ts'
import { withClient, withMaster, type CommandContext } from '../context.ts'
import { EXIT } from '../exit-code.ts'
import { Disturber } from '../prove/disturber.ts'
import { judge, type Verdict } from '../prove/judgement.ts'
import { Ledger } from '../prove/ledger.ts'
import {
  HASHES_LISTED_MAX,
  PROGRESS_DRAW_MS,
  PROGRESS_LINE_MS,
  PUT_TIMEOUT_MS_DEFAULT,
} from '../prove/limits.ts'
import { Prover } from '../prove/prover.ts'
import { describeOutcome, describeProof } from '../prove/report.ts'
import { Tally } from '../prove/tally.ts'
import { printJson, printLine, warn } from '../terminal.ts'

export const PROVE_HELP = `
Writes blocks that nobody has written before, gets each back, and reads every copy of
it: each named, from its medium, past the caches of its node, its SHA-256 computed here.
After the time given, everything is read once more; what is not whole then is read again
until it is, or the heal wait is over. Ctrl-C ends the writing early, and a second one
all of it.

It kills nothing unless told what: --kill-local names the data folder of a local zone
(npm start), whose processes it kills and pauses, one at a time, and, where the zone was
made with --power-cut-disks, whose disks lose power. The launcher starts them again. It
signals only processes that the launcher lists, after a look that each is still the same.

lost   acknowledged, and at the end no reading returns it, though all had their say
wrong  answered with other bytes, by the door or by a copy, if only once
denied acknowledged, and said not to exist, if only once
A put without an answer is of unknown outcome: it may be there or not, but never wrong.
The blocks stay: a zone deletes nothing yet. What was acknowledged is kept in memory.

Exit codes:
  0    proven: lost 0 wrong 0, of 1000 blocks at least, with 5 kills where it may kill
  1    something is lost, wrong or denied, and named; or the command itself failed
  2    used wrongly
  3    inconclusive: nothing was found, in too few blocks or kills, or not all answered
  4    the zone cannot be asked

Examples:
  kura prove --for 10m --server 10.0.0.7:7421 --master 10.0.0.9:7422
  kura prove --for 10m --kill-local .kura
  kura prove --for 1m --kill-local .kura --may-kill storage-node --json`

export interface ProveOptions {
  readonly durationMs: number
  readonly blocksPerSecond: number
  readonly sizeBytesMax: number
  readonly healWaitMs: number
  /** Makes the blocks; another one for each run where none is given. */
  readonly seed: string | undefined
  readonly killLocal: string | undefined
  readonly mayKill: readonly string[]
}

const EXIT_OF: Readonly<Record<Verdict, number>> = {
  proven: EXIT.ok,
  failed: EXIT.failed,
  inconclusive: EXIT.inconclusive,
}

const SEED_BYTES = 8

export async function proveCommand(
  context: CommandContext,
  options: ProveOptions,
): Promise<number> {
  const { pocket, zone } = context.settings
  return await withMaster(context, (master) =>
    withClient(context, async (client) => {
      const servers = requireServers(context.settings)
      const reader = new CopyReader({ servers, master, pocket, zone, clientName: CLIENT_NAME })
      try {
        // Where nobody answers at all there is nothing to prove.
        await master.status({ signal: context.signal })
        return await prove(context, { client, reader }, options)
      } finally {
        reader.close()
      }
    }),
  )
}

const CLIENT_NAME = 'kura-prove'

async function prove(
  context: CommandContext,
  zone: { readonly client: KuraClient; readonly reader: CopyReader },
  options: ProveOptions,
): Promise<number> {
  const { terminal, signal, timeoutMs: putTimeoutMs = PUT_TIMEOUT_MS_DEFAULT } = context
  const seed = options.seed ?? systemRandom.bytes(SEED_BYTES).toString('hex')
  const ledger = new Ledger()
  const tally = new Tally(ledger)
  const disturber = await makeDisturber(context, options, tally)
  const { durationMs, blocksPerSecond, healWaitMs, sizeBytesMax } = options
  const prover = new Prover({
    ...zone,
    ...{ ledger, tally, disturber, durationMs, blocksPerSecond, putTimeoutMs, healWaitMs, signal },
    content: { seed, sizeBytesMax },
    clock: systemClock,
    random: systemRandom,
  })
  warn(terminal, `proving with seed ${seed}`)
  const ended = new AbortController()
  const telling = tellProgress(context, () => describeProof(tally.counts(), prover.phase), ended)
  try {
    await prover.run()
  } finally {
    ended.abort()
    await telling
  }
  const counts = tally.counts()
  const { hindrances } = prover
  const judgement = judge(counts, { mayKill: disturber !== undefined, hindrances })
  const { lost, wrong, denied } = tally
  if (context.json) {
    const list = (hashes: ReadonlySet<string>) => [...hashes].slice(0, HASHES_LISTED_MAX)
    const named = { lostBlocks: list(lost), wrongBlocks: list(wrong), deniedBlocks: list(denied) }
    printJson(terminal, { seed, ...judgement, ...counts, ...named })
  } else printLine(terminal, describeOutcome(counts, judgement, { lost, wrong, denied }))
  return EXIT_OF[judgement.verdict]
}

async function makeDisturber(
  context: CommandContext,
  { killLocal, mayKill }: ProveOptions,
  tally: Tally,
): Promise<Disturber | undefined> {
  if (killLocal === undefined) {
    if (mayKill.length === 0) return undefined
    throw new KuraError('invalid-argument', '--may-kill chooses among those of --kill-local')
  }
  const { master } = context.settings
  const clock = systemClock
  const parts = { folder: killLocal, master, mayKill, tally, clock, random: systemRandom }
  const disturber = new Disturber(parts)
  await disturber.check()
  return disturber
}

/** Until `ended`; a line that is drawn over itself where a person watches. */
async function tellProgress(
  { terminal, json }: CommandContext,
  describe: () => string,
  ended: AbortController,
): Promise<void> {
  const isDrawn = terminal.isWatched && !json
  const periodMs = isDrawn ? PROGRESS_DRAW_MS : PROGRESS_LINE_MS
  while (!ended.signal.aborted) {
    await systemClock.sleep(periodMs, { signal: ended.signal }).catch(() => undefined)
    if (ended.signal.aborted) break
    if (isDrawn) terminal.errors.write(`\r${describe().slice(0, terminal.columns - 1)}\u001b[K`)
    else warn(terminal, describe())
  }
  if (isDrawn) terminal.errors.write('\r\u001b[K')
}
