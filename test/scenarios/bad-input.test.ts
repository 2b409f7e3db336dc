/**
 * The table of bad input as tests, one for each cell, against a zone of real processes.
 *
 * Goal: whatever a stranger sends, the answer is a typed error or the end of the connection,
 * nothing is stored, and nothing stays behind.
 *
 * Method: one bad request of each kind, on a bare socket. Those that try the server's patience do
 * so side by side and first, because they only wait. `test/long` sends a thousand of each, beside a
 * healthy client.
 */
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  BlocksOfKind,
  cellsOf,
  sendAttempt,
  type CellPlace,
} from '../support/bad-input/attempts.ts'
import { BadInputZone } from '../support/bad-input/bad-input-zone.ts'
import { ALL_DOORS } from '../support/bad-input/doors.ts'

const places = cellsOf(ALL_DOORS)
const quick = places.filter(({ cell }) => cell.isSlow !== true)
const slow = places.filter(({ cell }) => cell.isSlow === true)

interface Sent {
  readonly answer: string
  readonly blocks: BlocksOfKind
}

let zone: BadInputZone
let slowlySent: ReadonlyMap<CellPlace, Sent>

beforeAll(async () => {
  zone = await BadInputZone.open()
  slowlySent = new Map(
    await Promise.all(slow.map(async (place) => [place, await send(place)] as const)),
  )
})

afterAll(async () => {
  await zone[Symbol.asyncDispose]()
})

async function send(place: CellPlace): Promise<Sent> {
  const blocks = new BlocksOfKind(place)
  const answer = await sendAttempt(place, {
    target: zone.target,
    stored: zone.stored,
    blocks,
    serial: 0,
  })
  return { answer, blocks }
}

async function expectHarmless(place: CellPlace, { answer, blocks }: Sent): Promise<void> {
  expect(place.cell.answers).toContain(answer)
  await zone.expectUnknown(place, blocks.hashes)
  await zone.expectNothingHeld(place.process)
}

it.each(slow)(
  '$door.name door: $cell.kind: ended in time, nothing stored or left',
  async (place) => {
    const sent = slowlySent.get(place)
    if (sent === undefined) throw new Error('every slow kind was sent')
    await expectHarmless(place, sent)
  },
)

it.each(quick)('$door.name door: $cell.kind: typed, nothing stored or left', async (place) => {
  await expectHarmless(place, await send(place))
})

it('what was stored before is intact', async () => {
  await zone.expectStoredIntact()
})
