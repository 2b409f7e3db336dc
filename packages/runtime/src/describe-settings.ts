/** The settings in force as text: for a person, for a program, for the log, for the help. */
import type {
  EffectiveSetting,
  EffectiveSettings,
  ServiceSettings,
  SettingsShape,
} from './effective-settings.ts'
import { resolveSettings } from './effective-settings.ts'
import { variableName } from './settings.ts'

/** A row for each setting: name, value, source. */
export function formatSettings<S extends SettingsShape>(settings: EffectiveSettings<S>): string {
  return formatRows([
    ['setting', 'value', 'source'],
    ...settings.list.map(({ name, value, source }) => [name, String(value), source]),
  ])
}

/** One line of JSON. */
export function settingsToJson<S extends SettingsShape>(
  service: string,
  settings: EffectiveSettings<S>,
): string {
  return JSON.stringify({ service, file: settings.filePath, settings: settings.list })
}

/** For the one line in the log: all values, and the sources of those that were given. */
export function settingsForLog<S extends SettingsShape>(settings: EffectiveSettings<S>) {
  const pairs = (list: readonly EffectiveSetting[], field: 'value' | 'source') =>
    Object.fromEntries(list.map((setting) => [setting.name, setting[field]]))
  const given = settings.list.filter(({ origin }) => origin !== 'default')
  return {
    settings: pairs(settings.list, 'value'),
    sources: pairs(given, 'source'),
    settingsFile: settings.filePath,
  }
}

export function describeProgram<S extends SettingsShape>(
  settings: ServiceSettings<S>,
  commands: readonly string[],
): string {
  const { service } = settings
  const rows = resolveSettings(settings, {}).list.map(({ name, value, bounds }) => [
    `  --${name.replaceAll('_', '-')}`,
    String(value),
    bounds,
  ])
  return `Usage: ${service} [COMMAND] [--config FILE] [--SETTING VALUE]…

Commands: ${commands.join(', ')}; serve where none is given.
  config check   says whether the settings are valid, and what is wrong with them
  config show    shows every setting with its value and its source; --json for programs

A setting comes from its flag, else from its variable, else from the file, else it is the default.
--data-dir, ${variableName(service, 'dataDir')} and data_dir = "…" in the file are the same one.
The file is TOML, one setting a line: --config FILE or ${variableName(service, 'config')}.
deploy/config/${service}.toml documents every setting.

Settings, with their defaults and what they take:
${formatRows(rows)}

Examples:
  ${service} serve --config /etc/kura/${service}.toml
  ${service} config check --config /etc/kura/${service}.toml
  ${service} config show --config /etc/kura/${service}.toml --log-level debug

Exit codes: 0 done, 1 refused, 64 no such command, 70 a bug.`
}

function formatRows(rows: readonly (readonly string[])[]): string {
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
    .map((line) => line.trimEnd())
    .join('\n')
}
