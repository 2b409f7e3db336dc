/**
 * Goal: the volume manager and the zone master are off the data path.
 *
 * Method: with both killed for good, blocks are put and got; then the frontend, too, is killed and
 * started anew, and must serve from the maps that it keeps on disk.
 */
import { KuraClient } from '@kura/client'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { hashOf, makeBlock } from '../support/blocks.ts'
import { startScenarioZone, type ScenarioZone } from '../support/scenario-zone.ts'

const BLOCK_COUNT = 20
const BLOCK_SIZE_BYTES = 50_000

let scenario: ScenarioZone
let client: KuraClient

beforeAll(async () => {
  scenario = await startScenarioZone({ restarts: false })
  const { pocket, block } = scenario.zone.endpoints
  client = new KuraClient({ servers: [block], pocket })
})

afterAll(async () => {
  await client.close()
  await scenario[Symbol.asyncDispose]()
})

async function putAndGet(seed: string): Promise<void> {
  for (let index = 0; index < BLOCK_COUNT; index += 1) {
    const block = makeBlock(`${seed}/${index}`, BLOCK_SIZE_BYTES)
    const receipt = await client.put(block.bytes)
    expect(receipt.newlyStored).toBe(true)
    expect(hashOf(await client.get(block.hash))).toBe(block.hash)
  }
}

it('puts and gets go on with the volume manager and the zone master dead', async () => {
  await putAndGet('before')
  await scenario.zone.service('volume-manager-1-1').kill()
  await scenario.zone.service('zone-master-1').kill()
  await putAndGet('without managers')
})

it('a frontend that restarts meanwhile serves from the maps it keeps on disk', async () => {
  const frontend = scenario.zone.service('frontend-1')
  await frontend.kill()
  frontend.start()
  await frontend.waitReady()
  await putAndGet('after the restart of the frontend')
  const old = makeBlock('before/0', BLOCK_SIZE_BYTES)
  expect(hashOf(await client.get(old.hash))).toBe(old.hash)
})
