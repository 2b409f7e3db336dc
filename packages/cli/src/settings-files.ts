/** The settings files of services: whose one is, and which ones a local zone has. */
import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { KuraError, type MemberKind } from '@kura/core'
import { SERVICES } from './service-programs.ts'

export interface SettingsFile {
  readonly label: string
  readonly service: MemberKind
  readonly file: string
}

/** `storage-node` for `some/where/storage-node-1-3.toml`. */
export function serviceOfFile(path: string): MemberKind | undefined {
  const name = /^([a-z-]+?)(-\d+)*\.toml$/.exec(basename(path))?.[1]
  return SERVICES.find((service) => service === name)
}

/**
 * The files that the launcher wrote, whether the zone runs or not; undefined where there is no
 * local zone here or in a folder above.
 */
export function findZoneFiles(endpoints: string | undefined): readonly SettingsFile[] | undefined {
  const folder = findZoneFolder(endpoints)
  if (folder === undefined) return undefined
  return readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const service = serviceOfFile(name)
      const label = name.replace(/\.toml$/, '')
      return service === undefined ? [] : [{ label, service, file: join(folder, name) }]
    })
}

/** The one file of that service; undefined where none is. Throws `invalid-argument` for several. */
export function findZoneFile(
  service: MemberKind,
  endpoints: string | undefined,
): string | undefined {
  const found = findZoneFiles(endpoints)?.filter((each) => each.service === service) ?? []
  if (found.length < 2) return found[0]?.file
  throw new KuraError('invalid-argument', `the zone here has ${found.length} of ${service}`, {
    hint: `name the one you mean: ${found.map(({ file }) => `--config ${file}`).join(' or ')}`,
  })
}

function findZoneFolder(endpoints: string | undefined): string | undefined {
  if (endpoints !== undefined) return ifThere(join(dirname(endpoints), 'config'))
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    const found = ifThere(join(folder, '.kura', 'config'))
    if (found !== undefined || folder === dirname(folder)) return found
  }
}

function ifThere(path: string): string | undefined {
  return existsSync(path) ? path : undefined
}
