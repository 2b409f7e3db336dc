import { expect, it } from 'vitest'
import type { PartContext } from '../part.ts'
import { runLoadAgainst } from './run-load-against.ts'

function contextFor(only: string): PartContext {
  return {
    isQuick: true,
    cacheFolder: '/nowhere',
    profileFolder: undefined,
    wants: (row) => row.includes(only),
    keep: () => expect.fail('there is nothing to keep'),
    skip: () => expect.fail('there is nothing to skip'),
    tell: () => expect.fail('there is nothing to tell'),
  }
}

it('no process of somebody else is killed', async () => {
  const target = { pocket: 'photos', block: '127.0.0.1:1' }
  const run = runLoadAgainst(target, contextFor('degraded'))
  await expect(run).rejects.toMatchObject({
    code: 'invalid-argument',
    message: expect.stringContaining('killed') as string,
  })
})

it('a door that the target does not have cannot be measured', async () => {
  const run = runLoadAgainst({ http: '127.0.0.1:1' }, contextFor('grpc'))
  const hasOnly = (door: string) => expect.stringMatching(new RegExp(`doors: ${door}$`)) as string
  await expect(run).rejects.toMatchObject({ code: 'invalid-argument', hint: hasOnly('http') })
  // The client library does not speak without the name of the pocket.
  const nameless = runLoadAgainst({ block: '127.0.0.1:1' }, contextFor('client'))
  await expect(nameless).rejects.toMatchObject({ code: 'invalid-argument', hint: hasOnly('none') })
})
