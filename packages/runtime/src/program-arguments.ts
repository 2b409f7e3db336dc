/** The command line of a service's program: a command with words of its own, and the settings. */
import { parseArgs } from 'node:util'
import { KuraError } from '@kura/core'
import { CONFIG_KEY, type SettingsShape } from './effective-settings.ts'
import { flagName } from './settings.ts'

export interface ProgramLine {
  /** What is no setting, in order: the command, its words and its own flags. */
  readonly words: readonly string[]
  /** Text by flag, without the dashes; `config` is among them. */
  readonly flags: Readonly<Record<string, string>>
  readonly help: boolean
}

/**
 * The flag of a setting takes a value, `--flag VALUE` or `--flag=VALUE`; the last of two counts.
 * Throws `setting-invalid` for one that lacks it.
 */
export function parseProgramLine(args: readonly string[], shape: SettingsShape): ProgramLine {
  const names = [CONFIG_KEY, ...Object.keys(shape).map((key) => flagName(key).slice(2))]
  const { tokens } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    options: Object.fromEntries(names.map((name) => [name, { type: 'string' }])),
  })
  const flags: [string, string][] = []
  const words: string[] = []
  let help = false
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value)
    if (token.kind !== 'option') continue
    if (token.rawName === '--help') help = true
    else if (names.includes(token.name)) flags.push([token.name, valueOf(token)])
    else words.push(token.inlineValue ? `${token.rawName}=${token.value}` : token.rawName)
  }
  return { words, flags: Object.fromEntries(flags), help }
}

interface FlagToken {
  readonly rawName: string
  readonly value?: string | undefined
  readonly inlineValue?: boolean | undefined
}

function valueOf(flag: FlagToken): string {
  const isForgotten = flag.inlineValue !== true && flag.value?.startsWith('--') === true
  if (flag.value !== undefined && !isForgotten) return flag.value
  const hint = 'see --help'
  throw new KuraError('setting-invalid', `${flag.rawName} takes a value`, { hint })
}
