/** What every command is given. */
import type { Command } from 'commander'
import { KuraClient, systemClock, ZoneMasterClient } from '@kura/client'
import { requireMaster, requireServers, type Settings } from './config.ts'
import { ProgressBar } from './progress-bar.ts'
import type { Terminal } from './terminal.ts'

export interface CommandContext {
  readonly terminal: Terminal
  readonly settings: Settings
  /** Print JSON for programs instead of text for people. */
  readonly json: boolean
  /** Puts, and gets, in flight; the client's default where not given. */
  readonly parallelism: number | undefined
  /** For each block, milliseconds; the client's default where not given. */
  readonly timeoutMs: number | undefined
  /** Aborts when the user interrupts. */
  readonly signal: AbortSignal
}

/** How a command that was chosen on the command line does its work: with what that line said. */
export type RunCommand = (
  command: Command,
  work: (context: CommandContext) => Promise<number>,
) => Promise<void>

/** Runs `work` with a client that is closed afterwards. */
export async function withClient<T>(
  context: CommandContext,
  work: (client: KuraClient) => Promise<T>,
): Promise<T> {
  const { settings, parallelism, timeoutMs } = context
  const client = new KuraClient({
    servers: requireServers(settings),
    pocket: settings.pocket,
    ...(parallelism === undefined ? {} : { parallelism }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  })
  try {
    return await work(client)
  } finally {
    client.close()
  }
}

/** Runs `work` with the operator's door, which is closed afterwards. */
export async function withMaster<T>(
  context: CommandContext,
  work: (master: ZoneMasterClient) => Promise<T>,
): Promise<T> {
  const { pocket, zone } = context.settings
  const master = new ZoneMasterClient({ address: requireMaster(context.settings), pocket, zone })
  try {
    return await work(master)
  } finally {
    master.close()
  }
}

/** Runs a transfer under a progress bar where a person watches. */
export async function withProgress<T>(
  context: CommandContext,
  verb: string,
  work: (onProgress: ProgressBar['show'] | undefined) => Promise<T>,
): Promise<T> {
  const { terminal } = context
  if (!terminal.isWatched || context.json) return await work(undefined)
  const bar = new ProgressBar({ terminal, clock: systemClock, verb })
  try {
    return await work(bar.show)
  } finally {
    bar.clear()
  }
}
