/** `config check` and `config show`, which every service's program has. */
import { formatSettings, settingsToJson } from './describe-settings.ts'
import type { EffectiveSettings, ServiceSettings, SettingsShape } from './effective-settings.ts'

export type ConfigCommand = 'check' | 'show'

export const CONFIG_COMMANDS: Readonly<Record<string, ConfigCommand>> = {
  'config check': 'check',
  'config show': 'show',
}

/** What the command prints. The settings were read, so they are valid. */
export function describeConfig<S extends SettingsShape>(
  command: ConfigCommand,
  given: {
    readonly settings: ServiceSettings<S>
    readonly effective: EffectiveSettings<S>
    readonly json: boolean
  },
): string {
  const { effective, json } = given
  const { service } = given.settings
  if (command === 'show') {
    return json ? settingsToJson(service, effective) : formatSettings(effective)
  }
  const givenCount = effective.list.filter(({ origin }) => origin !== 'default').length
  const defaultCount = effective.list.length - givenCount
  if (json) {
    const file = effective.filePath
    return JSON.stringify({ service, file, valid: true, givenCount, defaultCount })
  }
  return `${service}: the settings are valid: ${givenCount} given, ${defaultCount} by default`
}
