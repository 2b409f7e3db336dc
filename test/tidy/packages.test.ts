import { describe, expect, test } from 'vitest'
import { files, readManifest, readText, workspaceFolders } from './repository.ts'

const layers = readText('.dependency-cruiser.cjs')
const readme = readText('README.md')
/** What is run and never imported has no table of contents. */
const LIBRARIES = workspaceFolders.filter((folder) => !['proto', 'bench', 'test'].includes(folder))

describe.each(workspaceFolders)('%s', (folder) => {
  test('says in its manifest what it is, and is not for a registry', () => {
    const manifest = readManifest(folder)
    expect(manifest.description ?? '').toMatch(/\w+ \w+/)
    expect(manifest.name).toBe(`@kura/${folder.split('/').at(-1)}`)
    expect(manifest.private).toBe(true)
  })

  test('has a row in the table of layers', () => {
    expect(layers).toMatch(new RegExp(`^ {2}'?${folder}'?: (\\[|SERVICE)`, 'm'))
  })

  test('has a line in the README', () => {
    expect(readme).toContain(`\`${folder}\``)
  })
})

test.each(LIBRARIES)('%s names what it exports in its index.ts', (folder) => {
  expect(files).toContain(`${folder}/src/index.ts`)
  expect(readText(`${folder}/src/index.ts`)).not.toMatch(/^export \*/m)
})

test('every package of the workspace is built with the others', () => {
  const references = readText('tsconfig.json')
  const built = workspaceFolders.filter((folder) => files.includes(`${folder}/tsconfig.json`))
  expect(built.filter((folder) => !references.includes(`"${folder}"`))).toEqual([])
})
