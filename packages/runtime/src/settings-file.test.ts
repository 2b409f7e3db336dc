import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parseSettingsFile, readSettingsFile, SETTINGS_FILE_BYTES_MAX } from './settings-file.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kura-settings-file-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

function parseText(text: string) {
  return parseSettingsFile({ path: 'f.toml', text })
}

test('every value has its line, whatever stands around it', () => {
  const text = '# head\r\n\r\nzone = "a#b" # why\r\n\tcell_id=1_000\n"quoted" = true'
  expect(parseText(text)).toEqual([
    { key: 'zone', value: 'a#b', line: 3 },
    { key: 'cell_id', value: 1000, line: 4 },
    { key: 'quoted', value: true, line: 5 },
  ])
})

test('a file of comments sets nothing', () => {
  expect(parseText('#zone = "a"\n\n## more\n')).toEqual([])
})

test.each([
  ['zone = "a"\nzone a', 'f.toml:2: '],
  ['zone = a', 'f.toml:1: '],
  ['\n\nzone = "a', 'f.toml:3: '],
  ['zone = """\na"""', 'f.toml:1: '],
  ['zone = "a"\n\nzone = "b"', 'f.toml:3: zone is set twice'],
  ['cell_id = 99999999999999999999', 'f.toml:1: integer value cannot be'],
])('%j is refused with its line', (text, sentence) => {
  expect(() => parseText(text)).toThrow(
    expect.objectContaining({
      code: 'setting-invalid',
      message: expect.stringContaining(sentence),
    }),
  )
})

test('what is no readable file of a sensible size is refused with its path', () => {
  const path = (name: string): string => join(folder, name)
  writeFileSync(path('large'), '#'.repeat(SETTINGS_FILE_BYTES_MAX + 1))
  writeFileSync(path('latin'), Buffer.from([0x23, 0xe4]))
  execFileSync('mkfifo', [path('pipe')])
  for (const [name, problem] of [
    ['absent', 'ENOENT'],
    ['.', 'it is not a regular file'],
    ['pipe', 'it is not a regular file'],
    ['large', `it is larger than ${SETTINGS_FILE_BYTES_MAX} bytes`],
    ['latin', 'it is not UTF-8'],
  ] as const) {
    expect(() => readSettingsFile(path(name))).toThrow(
      expect.objectContaining({
        code: 'setting-invalid',
        message: `the settings file ${path(name)} cannot be read: ${problem}`,
      }),
    )
  }
  writeFileSync(path('fits'), '#'.repeat(SETTINGS_FILE_BYTES_MAX))
  expect(readSettingsFile(path('fits')).text.length).toBe(SETTINGS_FILE_BYTES_MAX)
})
