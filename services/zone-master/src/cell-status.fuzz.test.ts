import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { expect, it } from 'vitest'
import { KuraError } from '@kura/core'
import { ReportCellRequestSchema, type ReportCellRequest } from '@kura/proto'
import { fuzzDecoder } from '@kura/testkit'
import { parseCellStatus } from './cell-status.ts'
import { planReport } from './plan-report.ts'

const diskUuid = '01234567-89ab-4def-8123-456789abcdef'
const domains = { rack: 'r', power: 'p', vendor: 'v', firmware: 'f' }
const disk = { diskUuid, osdId: 1, domains, state: 'in-service', reachable: true }

it('any report of a cell is one that the registry can plan with, or a typed error', async () => {
  const request = create(ReportCellRequestSchema, {
    status: { cellId: 1, epoch: 3n, disks: [disk, { ...disk, osdId: 2 }] },
  })
  const result = await fuzzDecoder({
    name: 'cell report',
    decode: (bytes) => {
      const report = parseCellStatus(parse(bytes).status)
      return planReport({ cells: [], disks: [] }, report, 1_700_000_000_000)
    },
    seeds: [toBinary(ReportCellRequestSchema, request)],
    words: ['joining', 'suspect', 'draining', 'out'],
  })
  expect(result.corpusCount).toBeGreaterThan(3)
})

/** As gRPC does, which answers what does not decode by itself. */
function parse(bytes: Buffer): ReportCellRequest {
  try {
    return fromBinary(ReportCellRequestSchema, bytes)
  } catch (cause) {
    throw new KuraError('protocol-violation', 'no message', { cause })
  }
}
