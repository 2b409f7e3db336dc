import { create } from '@bufbuild/protobuf'
import { DiskLossSchema } from '@kura/proto'
import { expect, it } from 'vitest'
import { describeDiskLoss } from './disk-lost.ts'

const loss = create(DiskLossSchema, {
  disk: { diskUuid: 'u-1', osdId: 3, state: 'in-service', reachable: false },
  openCopies: 2n,
  closingCopies: 1n,
  closedCopies: 9n,
  closedBytes: 84n << 20n,
  volumesLeft: [
    { copiesLeft: 0, volumes: 1n },
    { copiesLeft: 2, volumes: 11n },
  ],
})

it('a preview says what the disk holds, what is left, and that nothing was done', () => {
  expect(describeDiskLoss(loss, { apply: false })).toBe(
    `disk u-1 of node 3: in-service, out of reach
  9 copies of closed volumes, 84.0 MiB to write anew
  2 copies of open volumes, which end, and 1 of closing ones
  1 volumes have 0 other copies within reach: NOTHING to copy from
  11 volumes have 2 other copies within reach
nothing was done: --apply declares it lost`,
  )
})

it('a disk that answers is called alive, and a declaration is told from a preview', () => {
  const alive = create(DiskLossSchema, { disk: { diskUuid: 'u-1', reachable: true } })
  expect(describeDiskLoss(alive, { apply: true })).toMatch(
    /ALIVE[^]*declared lost: see kura status/,
  )
})
