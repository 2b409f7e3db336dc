import { create } from '@bufbuild/protobuf'
import { ZoneStatusSchema } from '@kura/proto'
import { expect, it } from 'vitest'
import { describeStatus } from './status.ts'

const GIB = 1024n ** 3n

function zone(): ReturnType<typeof create<typeof ZoneStatusSchema>> {
  return create(ZoneStatusSchema, {
    pocket: 'local',
    zone: 'a',
    version: 7n,
    indexRowCount: 1234n,
    indexReachable: true,
    weights: [{ cellId: 1, weight: 100 }],
    services: [
      { kind: 'frontend', id: '1', reachable: true, addresses: { http: 'h:1', block: 'h:2' } },
      { kind: 'storage-node', id: '1-2', reachable: false, addresses: {} },
    ],
    cells: [
      {
        ageMs: 400n,
        status: {
          cellId: 1,
          epoch: 3n,
          openVolumes: 4n,
          closedVolumes: 2n,
          underReplicatedCount: 1n,
          underReplicated: [{ volumeId: 9n, bucketId: 8n, copiesInForce: 2, copiesWanted: 3 }],
          damageCount: 1n,
          damages: [{ extentId: 5n, part: 'record', diskUuid: 'u-2', foundAtMs: 0 }],
          alarms: ['disk u-2 is silent'],
          disks: [
            { diskUuid: 'u-2', osdId: 2, state: 'in-service', totalBytes: 10n * GIB },
            {
              diskUuid: 'u-1',
              osdId: 1,
              domains: { rack: 'r1' },
              state: 'in-service',
              reachable: true,
              totalBytes: 10n * GIB,
              freeBytes: 9n * GIB,
            },
          ],
        },
      },
    ],
  })
}

it('status shows services, disks by node, volumes, and everything that is wrong', () => {
  expect(describeStatus(zone()))
    .toBe(`zone a of pocket local · map version 7 · 1234 blocks in the index

services
  service       id   reachable  addresses
  frontend      1    yes        block h:2, http h:1
  storage-node  1-2  NO

cell 1 · weight 100 · epoch 3 · heard 400 ms ago
  volumes: 4 open, 0 closing, 2 closed, 1 under-replicated
  disk  node  rack  state       reachable  used      of        fill
  u-1   1     r1    in-service  yes        1.00 GiB  10.0 GiB  10 %
  u-2   2           in-service  NO         10.0 GiB  10.0 GiB  100 %
  under-replicated: volume 9, bucket 8: 2 of 3 copies
  damage: record in extent 5 of disk u-2, offset 0, found 1970-01-01T00:00:00.000Z
  ALARM: disk u-2 is silent`)
})

it('a zone without cells says so', () => {
  const empty = create(ZoneStatusSchema, { pocket: 'p', zone: 'z' })
  expect(describeStatus(empty)).toContain('block index UNREACHABLE')
  expect(describeStatus(empty)).toContain('no cell has reported yet')
})
