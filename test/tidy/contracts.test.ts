/** Folders, contracts and documents tell the same story. */
import { ERROR_CODES } from '@kura/core'
import { basename } from 'node:path'
import { describe, expect, test } from 'vitest'
import { files, filesMatching, kebab, readText, workspaceFolders } from './repository.ts'

const services = workspaceFolders
  .filter((folder) => folder.startsWith('services/'))
  .map((folder) => basename(folder))

/** RPCs by the service that serves them, e.g. `block-index` → `locate-block`. */
function readRpcs(): ReadonlyMap<string, readonly string[]> {
  const rpcs = new Map<string, string[]>()
  for (const path of filesMatching(/^proto\/kura\/.*\.proto$/)) {
    let service = ''
    for (const line of readText(path).split('\n')) {
      service = kebab(/^service (\w+)/.exec(line)?.[1] ?? '') || service
      const name = /^\s*rpc (\w+)/.exec(line)?.[1]
      if (name !== undefined) rpcs.set(service, [...(rpcs.get(service) ?? []), kebab(name)])
    }
  }
  // The public door is the frontend's, and its names leave out what is put and got.
  const doorCalls = rpcs.get('block-store') ?? []
  rpcs.delete('block-store')
  rpcs.set(
    'frontend',
    doorCalls.map((name) => `${name}-block`),
  )
  return rpcs
}

/** Operations of the block transport, e.g. `put-block`; the greeting is the transport's own. */
function readOperations(): readonly string[] {
  const proto = readText('proto/kura/v1/block_transport.proto')
  const block = /oneof operation \{([^}]*)\}/.exec(proto)?.[1] ?? ''
  return [...block.matchAll(/^\s*\w+ (\w+) = \d+;/gm)]
    .map((match) => kebab(match[1] ?? ''))
    .filter((name) => name !== 'hello')
}

function handlersOf(service: string): readonly string[] {
  return filesMatching(new RegExp(`^services/${service}/src/handlers/[^/]+\\.ts$`))
    .map((path) => basename(path, '.ts'))
    .filter((name) => !name.endsWith('.test') && name !== 'index' && name !== 'handler')
}

describe('handlers', () => {
  const rpcs = readRpcs()
  const operations = readOperations()

  test('the contracts were read', () => {
    expect([...rpcs.keys()].sort()).toEqual(services.toSorted())
    expect(rpcs.get('frontend')).toContain('stat-block')
    expect(operations).toContain('put-block')
  })

  test.each(services)('%s has a file for each of its RPCs', (service) => {
    const handlers = handlersOf(service)
    expect((rpcs.get(service) ?? []).filter((name) => !handlers.includes(name))).toEqual([])
  })

  test.each(services)('%s handles nothing that no contract names', (service) => {
    const known = [...(rpcs.get(service) ?? []), ...operations]
    expect(handlersOf(service).filter((name) => !known.includes(name))).toEqual([])
  })

  test('every operation of the block transport has a handler', () => {
    const handlers = services.flatMap((service) => handlersOf(service))
    expect(operations.filter((name) => !handlers.includes(name))).toEqual([])
  })
})

describe('error codes', () => {
  const production = filesMatching(/^(packages|services)\/.*\.ts$/)
    .filter((path) => !/\.test\.ts$/.test(path) && path !== 'packages/core/src/errors.ts')
    .map(readText)
    .join('\n')

  test.each(Object.entries(ERROR_CODES))('%s is explained and used', (code, row) => {
    expect(row.meaning).toMatch(/^[A-Z].*\.$/)
    expect(production.includes(`'${code}'`), 'used by production code').toBe(true)
  })
})

test('every version of the extent format has a golden file', () => {
  const version = /FORMAT_VERSION = (\d+)/.exec(readText('packages/extent/src/format.ts'))?.[1]
  expect(version).toBeDefined()
  for (let number = 1; number <= Number(version); number += 1) {
    const golden = files.filter((path) => new RegExp(`golden/.*v${number}\\b`).test(path))
    expect(golden, `a golden file of extent format ${number}`).not.toEqual([])
  }
})
