/** `kura config check|show`: the settings of services, as their own programs read them. */
import { KuraError, type MemberKind } from '@kura/core'
import type { CommandContext } from '../context.ts'
import { EXIT } from '../exit-code.ts'
import { runServiceProgram, SERVICES } from '../service-programs.ts'
import { findZoneFiles, serviceOfFile } from '../settings-files.ts'
import { printLine } from '../terminal.ts'

const ABOUT = `
A target is a service (${SERVICES.join(', ')})
or a settings file that is named after one, as storage-node.toml or storage-node-1-3.toml.
Without a target it is every service of the local zone that is here or in a folder above.

A setting comes from its flag (here --set), else from its variable, else from the file, else
it is the default. The variables are those of this shell. deploy/config documents every setting.
Ends with 0 when all is well, 1 when something is refused, 2 when the target is none.`

export const CONFIG_CHECK_HELP = `${ABOUT}

Examples:
  kura config check
  kura config check /etc/kura/storage-node.toml
  kura config check storage-node --config FILE --set scrub_period_ms=60000`

export const CONFIG_SHOW_HELP = `${ABOUT}

Examples:
  kura config show
  kura config show storage-node --config /etc/kura/node-3.toml
  kura config show frontend --json | jq '.settings[] | select(.origin != "default")'`

export interface ConfigOptions {
  /** The endpoints file that names the local zone. */
  readonly endpoints?: string
  readonly config?: string
  /** `name=value`. */
  readonly set?: readonly string[]
}

interface Target {
  readonly label: string
  readonly service: MemberKind
  readonly file: string | undefined
}

export async function configCommand(
  context: CommandContext,
  action: 'check' | 'show',
  given: { readonly targets: readonly string[]; readonly options: ConfigOptions },
): Promise<number> {
  const targets = findTargets(given)
  const flags = (given.options.set ?? []).map(flagOf)
  let refusedCount = 0
  for (const { label, service, file } of targets) {
    const isTitled = action === 'show' && targets.length > 1 && !context.json
    if (isTitled) printLine(context.terminal, `${label}:`)
    const code = await runServiceProgram(context, service, [
      ...['config', action],
      ...(file === undefined ? [] : [`--config=${file}`]),
      ...flags,
      ...(context.json ? ['--json'] : []),
    ])
    if (isTitled) printLine(context.terminal, '')
    if (code !== 0) refusedCount += 1
  }
  return refusedCount === 0 ? EXIT.ok : EXIT.failed
}

function findTargets(given: {
  readonly targets: readonly string[]
  readonly options: ConfigOptions
}): readonly Target[] {
  const { targets, options } = given
  const found = targets.length === 0 ? zoneTargets(options.endpoints) : targets.map(parseTarget)
  if (options.config === undefined) return found
  const [only, ...others] = found
  if (only === undefined || others.length > 0 || only.file !== undefined) {
    throw new KuraError('invalid-argument', '--config belongs to exactly one service', {
      hint: 'as in: kura config check storage-node --config FILE',
    })
  }
  return [{ ...only, file: options.config }]
}

function zoneTargets(endpoints: string | undefined): readonly Target[] {
  const found = findZoneFiles(endpoints)
  if (found !== undefined) return found
  throw new KuraError('setting-invalid', 'there is no local zone here or in a folder above', {
    hint: 'name a service or a settings file',
  })
}

function parseTarget(text: string): Target {
  const service = SERVICES.find((name) => name === text)
  if (service !== undefined) return { label: text, service, file: undefined }
  const named = serviceOfFile(text)
  if (named !== undefined) return { label: text, service: named, file: text }
  throw new KuraError('invalid-argument', `${text} is no service and no file named after one`, {
    hint: `services are ${SERVICES.join(', ')}; for any other file name: SERVICE --config FILE`,
  })
}

/** `--scrub-period-ms=5` for `scrub_period_ms=5`. */
function flagOf(text: string): string {
  const [, name = '', value = ''] = /^([a-z_]+)=(.*)$/s.exec(text) ?? []
  if (name !== '') return `--${name.replaceAll('_', '-')}=${value}`
  throw new KuraError('invalid-argument', `--set takes name=value, not "${text}"`)
}
