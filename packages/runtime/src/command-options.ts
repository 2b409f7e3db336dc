/** The words behind a command of a service's program. */
import { parseArgs } from 'node:util'
import { KuraError } from '@kura/core'

export interface CommandOptions<Flag extends string> {
  readonly flags: Readonly<Record<Flag, boolean>>
  /** Exactly as many as were named. */
  readonly operands: readonly string[]
}

/** Flags are given as `--name`. Throws `invalid-argument` for a word that means nothing here. */
export function readCommandOptions<Flag extends string>(
  args: readonly string[],
  expected: { readonly flags: readonly Flag[]; readonly operands: readonly string[] },
): CommandOptions<Flag> {
  const usage = [...expected.operands, ...expected.flags.map((flag) => `[--${flag}]`)].join(' ')
  const refuse = (cause?: unknown): KuraError =>
    new KuraError('invalid-argument', 'the words behind the command are not understood', {
      cause,
      hint: `they are: ${usage}`,
    })
  let parsed
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: Object.fromEntries(expected.flags.map((flag) => [flag, { type: 'boolean' }])),
    })
  } catch (error) {
    throw refuse(error)
  }
  const { values, positionals } = parsed
  if (positionals.length !== expected.operands.length) throw refuse()
  const flags = Object.fromEntries(expected.flags.map((flag) => [flag, values[flag] === true]))
  return { flags: flags as Record<Flag, boolean>, operands: positionals }
}
