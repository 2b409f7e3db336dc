/**
 * Settings come from the environment alone, one variable per setting: key `dataDir` of service
 * `storage-node` is `KURA_STORAGE_NODE_DATA_DIR`. Everything has a default, a unit in its name, and
 * bounds; a variable that no setting has is refused, because it is a typing error.
 */
import { z } from 'zod'
import { KuraError, parsePocketId, parseZoneId } from '@kura/core'
import { parseAddress } from './address.ts'
import { LOG_LEVELS } from './logger.ts'

export { z } from 'zod'

/** The environment as Node gives it. */
export type Environment = Readonly<Record<string, string | undefined>>

/** An integer within its bounds. */
export function integerSetting(bounds: {
  readonly default: number
  readonly min: number
  readonly max: number
}) {
  return z
    .union([z.string().regex(/^-?\d+$/, 'must be an integer'), z.number().int()])
    .transform(Number)
    .pipe(z.number().int().min(bounds.min).max(bounds.max))
    .default(bounds.default)
}

/** `1`, `true`, `0` or `false`. */
export function booleanSetting(defaultValue: boolean) {
  return z
    .union([z.boolean(), z.enum(['0', '1', 'true', 'false'])])
    .transform((value) => value === true || value === '1' || value === 'true')
    .default(defaultValue)
}

/** Text of 1 to `lengthMax` characters. */
export function textSetting(options: { readonly default: string; readonly lengthMax?: number }) {
  return z
    .string()
    .min(1)
    .max(options.lengthMax ?? 4096)
    .default(options.default)
}

/** `host:port`; port 0 lets the system choose. */
export function addressSetting(defaultAddress: string) {
  return parsedSetting((text) => {
    parseAddress(text)
    return text
  }).default(defaultAddress)
}

/** Text that one of core's parsers accepts, as the parsed type. */
export function parsedSetting<T>(parse: (text: string) => T) {
  return z.string().transform((text, context): T => {
    try {
      return parse(text)
    } catch (error) {
      if (!(error instanceof KuraError)) throw error
      context.addIssue({ code: 'custom', message: error.message })
      return z.NEVER
    }
  })
}

/** The settings that every service has; spread into the service's own `z.object({…})`. */
export const commonSettings = {
  pocket: parsedSetting(parsePocketId).default(parsePocketId('local')),
  zone: parsedSetting(parseZoneId).default(parseZoneId('a')),
  /** What the service keeps. */
  dataDir: textSetting({ default: '.kura/data' }),
  /** Shared by all processes of the zone: election and membership. */
  coordinationDir: textSetting({ default: '.kura/coordination' }),
  rpcAddress: addressSetting('127.0.0.1:0'),
  adminAddress: addressSetting('127.0.0.1:0'),
  logLevel: z.enum(LOG_LEVELS).default('info'),
  /** The end of stdin is a stop signal: no service survives the launcher that holds the pipe. */
  stopWithStdin: booleanSetting(false),
}

/** `KURA_STORAGE_NODE_` for `storage-node`. */
export function variablePrefix(service: string): string {
  return `KURA_${service.replaceAll('-', '_').toUpperCase()}_`
}

/** `KURA_STORAGE_NODE_DATA_DIR` for `storage-node`, `dataDir`. */
export function variableName(service: string, key: string): string {
  const words = key.replaceAll(/[A-Z]/g, (letter) => `_${letter}`)
  return variablePrefix(service) + words.toUpperCase()
}

/** Throws `setting-invalid`, naming the variable and what it may be. */
export function readSettings<S extends z.ZodObject>(options: {
  readonly env: Environment
  readonly service: string
  readonly schema: S
}): Readonly<z.output<S>> {
  const keys = Object.keys(options.schema.shape)
  const keyByVariable = new Map(keys.map((key) => [variableName(options.service, key), key]))
  refuseUnknown(options, keyByVariable)
  const input: Record<string, string> = {}
  for (const [variable, key] of keyByVariable) {
    const value = options.env[variable]
    if (value !== undefined) input[key] = value
  }
  const result = options.schema.safeParse(input)
  if (!result.success) throw describeIssue(options.service, result.error)
  return Object.freeze(result.data)
}

function refuseUnknown(
  options: { readonly env: Environment; readonly service: string },
  keyByVariable: ReadonlyMap<string, string>,
): void {
  const prefix = variablePrefix(options.service)
  const unknown = Object.keys(options.env).find(
    (name) => name.startsWith(prefix) && !keyByVariable.has(name),
  )
  if (unknown === undefined) return
  throw new KuraError('setting-invalid', `there is no setting ${unknown}`, {
    details: { variable: unknown },
    hint: `settings are ${[...keyByVariable.keys()].join(', ')}`,
  })
}

function describeIssue(service: string, error: z.ZodError): KuraError {
  const issue = error.issues[0]
  const key = String(issue?.path[0] ?? '')
  const variable = key === '' ? variablePrefix(service) : variableName(service, key)
  return new KuraError('setting-invalid', `${variable}: ${issue?.message ?? 'invalid'}`, {
    details: { variable },
    hint: 'correct or unset the variable',
  })
}
