/**
 * The settings in force and where each comes from. Precedence, from weak to strong: the default,
 * the file, the environment, the command line. Whatever is given is checked, also where something
 * stronger wins; a name that no setting has is refused, because it is a typing error.
 */
import { resolve } from 'node:path'
import { KuraError } from '@kura/core'
import { z } from 'zod'
import { parseAddress } from './address.ts'
import {
  commonSettings,
  decodeText,
  describeBounds,
  fileKey,
  flagName,
  variableName,
  variablePrefix,
} from './settings.ts'
import { parseSettingsFile, readSettingsFile, type SettingsFile } from './settings-file.ts'

/** The environment as Node gives it. */
export type Environment = Readonly<Record<string, string | undefined>>

/** One schema for each setting, by its key in code. */
export type SettingsShape = Readonly<Record<string, z.ZodType>>
export type SettingsValues<S extends SettingsShape> = Readonly<z.output<z.ZodObject<S>>>
type CommonValues = SettingsValues<typeof commonSettings>

/** What must hold between settings; `rule` says it in one clause, with the numbers it needs. */
export interface SettingsRelation<V> {
  readonly between: readonly (keyof V & string)[]
  readonly holds: (values: V) => boolean
  readonly rule: string
}

/** The settings that a service knows. */
export interface ServiceSettings<S extends SettingsShape> {
  readonly service: string
  readonly shape: S
  readonly relations: readonly SettingsRelation<SettingsValues<S>>[]
}

/** What was said, from weak to strong; each may be missing. */
export interface GivenSettings {
  readonly file?: SettingsFile | undefined
  readonly env?: Environment | undefined
  /** Text by flag, without the dashes: `scrub-period-ms`. */
  readonly flags?: Readonly<Record<string, string>> | undefined
}

export type SettingOrigin = 'default' | 'file' | 'environment' | 'flag'

export interface EffectiveSetting {
  /** As in a file: `scrub_period_ms`. */
  readonly name: string
  readonly value: unknown
  readonly origin: SettingOrigin
  /** `default`, `FILE:LINE`, the variable, or the flag. */
  readonly source: string
  readonly defaultValue: unknown
  /** What it takes. */
  readonly bounds: string
}

export interface EffectiveSettings<S extends SettingsShape> {
  readonly values: SettingsValues<S>
  readonly common: CommonValues
  readonly list: readonly EffectiveSetting[]
  readonly filePath: string | undefined
}

interface Given {
  readonly key: string
  readonly value: unknown
  readonly origin: SettingOrigin
  readonly source: string
  /** The name as it was given, and what a message says before it: file and line, or nothing. */
  readonly name: string
  readonly place: string
}

/** Problems named in one message; the rest is only counted. */
const PROBLEMS_MAX = 8
const SHOWN_CHARACTERS_MAX = 80
/** Names the file: `--config` and `KURA_<SERVICE>_CONFIG`. No setting, and not in a file. */
export const CONFIG_KEY = 'config'

/**
 * As `resolveSettings`, with the file that `--config` or `KURA_<SERVICE>_CONFIG` names. Throws
 * `setting-invalid`, also where the file cannot be read.
 */
export function readSettings<S extends SettingsShape>(
  settings: ServiceSettings<S>,
  given: Omit<GivenSettings, 'file'>,
): EffectiveSettings<S> {
  const { [CONFIG_KEY]: flag, ...flags } = given.flags ?? {}
  const path = flag ?? given.env?.[variableName(settings.service, CONFIG_KEY)]
  const file = path === undefined ? undefined : readSettingsFile(path)
  return resolveSettings(settings, { ...given, flags, file })
}

/** Throws `setting-invalid`: each problem with its place, the value, and what it should be. */
export function resolveSettings<S extends SettingsShape>(
  settings: ServiceSettings<S>,
  given: GivenSettings,
): EffectiveSettings<S> {
  const { shape, service } = settings
  const layers = [
    ...(given.file === undefined ? [] : readFileLayer(shape, given.file)),
    ...readEnvironmentLayer(service, shape, given.env ?? {}),
    ...readFlagLayer(shape, given.flags ?? {}),
  ]
  refuse(
    service,
    layers.flatMap((each) => problemsOf(shape, each)),
  )
  const inForce = new Map(layers.map((each) => [each.key, each]))
  const input = Object.fromEntries(layers.map(({ key, value }) => [key, value]))
  const values: SettingsValues<S> = Object.freeze(z.object(shape).parse(input))
  const common: CommonValues = z.object(commonSettings).parse(input)
  const list = listSettings(shape, { values, inForce })
  const relations = [...settings.relations, ...commonRelations(shape)]
  refuse(
    service,
    relations.flatMap((each) => brokenRelation(each, { values, list })),
  )
  return Object.freeze({ values, common, list, filePath: given.file?.path })
}

function readFileLayer(shape: SettingsShape, file: SettingsFile): readonly Given[] {
  const keyByName = new Map(Object.keys(shape).map((key) => [fileKey(key), key]))
  return parseSettingsFile(file).map(({ key: name, value, line }) => {
    const source = `${file.path}:${line}`
    const key = keyByName.get(name) ?? ''
    return { key, value, origin: 'file', source, name, place: `${source}: ` }
  })
}

function readEnvironmentLayer(
  service: string,
  shape: SettingsShape,
  env: Environment,
): readonly Given[] {
  const prefix = variablePrefix(service)
  const keyByVariable = new Map(Object.keys(shape).map((key) => [variableName(service, key), key]))
  return Object.entries(env).flatMap(([variable, text]): readonly Given[] => {
    const isOurs = variable.startsWith(prefix) && variable !== variableName(service, CONFIG_KEY)
    if (!isOurs || text === undefined) return []
    const key = keyByVariable.get(variable) ?? ''
    const value = decodeGiven(shape, key, text)
    return [{ key, value, origin: 'environment', source: variable, name: variable, place: '' }]
  })
}

function readFlagLayer(
  shape: SettingsShape,
  flags: Readonly<Record<string, string>>,
): readonly Given[] {
  const keyByFlag = new Map(Object.keys(shape).map((key) => [flagName(key), key]))
  return Object.entries(flags).map(([bareName, text]) => {
    const name = `--${bareName}`
    const key = keyByFlag.get(name) ?? ''
    const value = decodeGiven(shape, key, text)
    return { key, value, origin: 'flag', source: name, name, place: '' }
  })
}

function decodeGiven(shape: SettingsShape, key: string, text: string): unknown {
  const schema = shape[key]
  return schema === undefined ? text : decodeText(schema, text)
}

function problemsOf(shape: SettingsShape, given: Given): readonly string[] {
  const { key, value, name, place } = given
  const schema = shape[key]
  if (schema === undefined) return [`${place}there is no setting ${name}`]
  if (schema.safeParse(value).success) return []
  return [`${place}${name} is ${show(value)}, and takes ${describeBounds(schema)}`]
}

function listSettings(
  shape: SettingsShape,
  now: {
    readonly values: Readonly<Record<string, unknown>>
    readonly inForce: ReadonlyMap<string, Given>
  },
): readonly EffectiveSetting[] {
  return Object.entries(shape).map(([key, schema]) => ({
    name: fileKey(key),
    value: now.values[key],
    origin: now.inForce.get(key)?.origin ?? 'default',
    source: now.inForce.get(key)?.source ?? 'default',
    defaultValue: schema.parse(undefined),
    bounds: describeBounds(schema),
  }))
}

function brokenRelation<V extends Readonly<Record<string, unknown>>>(
  relation: SettingsRelation<V>,
  now: { readonly values: V; readonly list: readonly EffectiveSetting[] },
): readonly string[] {
  if (relation.holds(now.values)) return []
  const names = relation.between.map(fileKey)
  const facts = now.list
    .filter(({ name }) => names.includes(name))
    .map(({ name, value, source }) => `${name} is ${show(value)} (${source})`)
  return [`${facts.join(' and ')}; ${relation.rule}`]
}

/** What holds for every service: folders apart, and listeners apart. */
function commonRelations<V extends Readonly<Record<string, unknown>>>(
  shape: SettingsShape,
): readonly SettingsRelation<V>[] {
  const addresses = Object.keys(shape).filter((key) => key.endsWith('Address'))
  const pairs = addresses.flatMap((one, index) =>
    addresses.slice(index + 1).map((other) => [one, other] as const),
  )
  return [
    {
      between: ['dataDir', 'coordinationDir'],
      holds: (values) =>
        resolve(String(values['dataDir'])) !== resolve(String(values['coordinationDir'])),
      rule: 'the two must be different folders',
    },
    ...pairs.map((pair) => ({
      between: pair,
      holds: (values: V) => !isSameListener(String(values[pair[0]]), String(values[pair[1]])),
      rule: 'two listeners need different ports, or port 0, which the system chooses',
    })),
  ]
}

function isSameListener(one: string, other: string): boolean {
  const [left, right] = [parseAddress(one), parseAddress(other)]
  if (left.port === 0 || left.port !== right.port) return false
  const isAny = [left.host, right.host].some((host) => host === '0.0.0.0' || host === '::')
  return isAny || left.host === right.host
}

function refuse(service: string, problems: readonly string[]): void {
  if (problems.length === 0) return
  const rest = problems.length - PROBLEMS_MAX
  const message = problems.slice(0, PROBLEMS_MAX).join('; ')
  throw new KuraError('setting-invalid', rest > 0 ? `${message}; and ${rest} more` : message, {
    details: { service, problems: problems.length },
    hint: `${service} --help lists every setting`,
  })
}

function show(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value)
  return (text ?? typeof value).slice(0, SHOWN_CHARACTERS_MAX)
}
