/**
 * What a setting may be, and the settings that every service has. Everything has a default, a unit
 * in its name, and bounds. One setting has one name in four spellings: `scrubPeriodMs` in code,
 * `scrub_period_ms` in a file, `KURA_STORAGE_NODE_SCRUB_PERIOD_MS` in the environment and
 * `--scrub-period-ms` on the command line.
 */
import { z } from 'zod'
import { KuraError, parsePocketId, parseZoneId } from '@kura/core'
import { parseAddress } from './address.ts'
import { LOG_LEVELS } from './logger.ts'

/** An integer within its bounds. */
export function integerSetting(bounds: {
  readonly default: number
  readonly min: number
  readonly max: number
}) {
  return z.int().min(bounds.min).max(bounds.max).default(bounds.default)
}

export function booleanSetting(defaultValue: boolean) {
  return z.boolean().default(defaultValue)
}

/** Text of 1 to `lengthMax` characters. */
export function textSetting(options: { readonly default: string; readonly lengthMax?: number }) {
  return z
    .string()
    .min(1)
    .max(options.lengthMax ?? 4096)
    .default(options.default)
}

/** `host:port`; port 0 lets the system choose. No two of a service may be the same. */
export function addressSetting(defaultAddress: string) {
  const parse = (text: string): string => {
    parseAddress(text)
    return text
  }
  return parsedSetting(parse, 'host:port').default(defaultAddress)
}

/** Text that one of core's parsers accepts, as the parsed type; `takes` says what that is. */
export function parsedSetting<T>(parse: (text: string) => T, takes: string) {
  return z
    .string()
    .describe(takes)
    .transform((text, context): T => {
      try {
        return parse(text)
      } catch (error) {
        if (!(error instanceof KuraError)) throw error
        context.addIssue({ code: 'custom', message: error.message })
        return z.NEVER
      }
    })
}

const NAME = '1 to 63 of a-z, 0-9 and dash'

/** The settings that every service has; spread into the service's own shape. */
export const commonSettings = {
  pocket: parsedSetting(parsePocketId, NAME).default(parsePocketId('local')),
  zone: parsedSetting(parseZoneId, NAME).default(parseZoneId('a')),
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

/** `scrub_period_ms` for `scrubPeriodMs`. */
export function fileKey(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** `--scrub-period-ms` for `scrubPeriodMs`. */
export function flagName(key: string): string {
  return `--${fileKey(key).replaceAll('_', '-')}`
}

/** `KURA_STORAGE_NODE_` for `storage-node`. */
export function variablePrefix(service: string): string {
  return `KURA_${service.replaceAll('-', '_').toUpperCase()}_`
}

/** `KURA_STORAGE_NODE_DATA_DIR` for `storage-node`, `dataDir`. */
export function variableName(service: string, key: string): string {
  return variablePrefix(service) + fileKey(key).toUpperCase()
}

/** The strict schema below the default and what parses the accepted text further. */
function innermost(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodDefault) return innermost(schema.def.innerType)
  if (schema instanceof z.ZodPipe) return innermost(schema.def.in)
  return schema
}

/** What a setting takes, for messages and documents, e.g. `10 to 1000` or `true or false`. */
export function describeBounds(setting: z.core.$ZodType): string {
  const schema = innermost(setting)
  if (schema instanceof z.ZodNumber) return `${schema.minValue} to ${schema.maxValue}`
  if (schema instanceof z.ZodBoolean) return 'true or false'
  if (schema instanceof z.ZodEnum) return schema.options.join(', ')
  if (!(schema instanceof z.ZodString)) throw new TypeError('a kind of setting without bounds')
  return schema.description ?? `${schema.minLength} to ${schema.maxLength} characters`
}

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
])

/** A variable's or a flag's text as the setting's type; text that is none of it stays text. */
export function decodeText(setting: z.core.$ZodType, text: string): unknown {
  const schema = innermost(setting)
  if (schema instanceof z.ZodNumber) return /^-?\d+$/.test(text) ? Number(text) : text
  if (schema instanceof z.ZodBoolean) return BOOLEANS.get(text) ?? text
  return text
}
