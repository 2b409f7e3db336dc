/** Every setting is documented in deploy/config as it is, and nothing else is documented there. */
import { settings as blockIndexSettings } from '@kura/block-index'
import { settings as frontendSettings } from '@kura/frontend'
import { parseSettingsFile, resolveSettings, type EffectiveSetting } from '@kura/runtime'
import { settings as storageNodeSettings } from '@kura/storage-node'
import { settings as volumeManagerSettings } from '@kura/volume-manager'
import { settings as zoneMasterSettings } from '@kura/zone-master'
import { basename } from 'node:path'
import { describe, expect, test } from 'vitest'
import { filesMatching, readText, workspaceFolders } from './repository.ts'

const SETTINGS: Readonly<Record<string, readonly EffectiveSetting[]>> = {
  'block-index': resolveSettings(blockIndexSettings, {}).list,
  frontend: resolveSettings(frontendSettings, {}).list,
  'storage-node': resolveSettings(storageNodeSettings, {}).list,
  'volume-manager': resolveSettings(volumeManagerSettings, {}).list,
  'zone-master': resolveSettings(zoneMasterSettings, {}).list,
}

test('every service has its file, and every file its service', () => {
  const services = workspaceFolders.filter((folder) => folder.startsWith('services/'))
  const files = filesMatching(/^deploy\/config\/.*\.toml$/).map((path) => basename(path))
  expect(Object.keys(SETTINGS).sort()).toEqual(services.map((path) => basename(path)).sort())
  expect(files.sort()).toEqual(
    Object.keys(SETTINGS)
      .map((service) => `${service}.toml`)
      .sort(),
  )
})

/** The document with its defaults as if an operator had taken away the sign before them. */
function uncomment(text: string): string {
  return text.replaceAll(/^#(?=[a-z_]+ = )/gm, '')
}

describe.each(Object.entries(SETTINGS))('settings of %s', (service, list) => {
  const path = `deploy/config/${service}.toml`
  const text = uncomment(readText(path))
  const documented = parseSettingsFile({ path, text })

  test('are all documented with their defaults, and nothing else is', () => {
    const inCode = list.map(({ name, defaultValue }) => [name, defaultValue])
    const inFile = documented.map(({ key, value }) => [key, value])
    expect(inCode.length).toBeGreaterThan(8)
    expect(inFile.sort()).toEqual(inCode.sort())
  })

  test('have their sentence and what they take', () => {
    const lines = text.split('\n')
    for (const { name, bounds } of list) {
      const at = lines.findIndex((line) => line.startsWith(`${name} = `))
      const start = lines.slice(0, at).findLastIndex((line) => line === '')
      const comment = lines.slice(start + 1, at).map((line) => line.replace(/^# /, ''))
      const words = comment.join(' ')
      expect(words, name).toMatch(/^[A-Z].*\. Takes /)
      expect(words.endsWith(`. Takes ${bounds}.`), `${name} takes ${bounds}`).toBe(true)
    }
  })

  test('set nothing as the file stands', () => {
    expect(parseSettingsFile({ path, text: readText(path) })).toEqual([])
  })
})
