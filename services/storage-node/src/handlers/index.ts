/** The surface of a storage node: every RPC and every block operation, on one screen. */
import { KuraError, toKuraError, type ErrorCode } from '@kura/core'
import { StorageNode as StorageNodeService } from '@kura/proto'
import type { RpcListener } from '@kura/rpc'
import type { Exchange } from '@kura/transport'
import type { NodeContext } from '../node-context.ts'
import { announceEpoch } from './announce-epoch.ts'
import { buildExtent } from './build-extent.ts'
import { completeExtent } from './complete-extent.ts'
import { createExtent } from './create-extent.ts'
import { examineRecord } from './examine-record.ts'
import { freezeExtent } from './freeze-extent.ts'
import { listExtents } from './list-extents.ts'
import { listRecords } from './list-records.ts'
import { probeDisk } from './probe-disk.ts'
import { readRecord } from './read-record.ts'
import { readRecords } from './read-records.ts'
import { sealExtent } from './seal-extent.ts'
import { verifyDisk } from './verify-disk.ts'
import { writeRecord } from './write-record.ts'
import { writeRecords } from './write-records.ts'

/** Control, by the volume manager of the cell. */
export function addRpcHandlers(server: RpcListener, node: NodeContext): void {
  server.add(StorageNodeService, {
    announceEpoch: (request) => announceEpoch(node, request),
    createExtent: (request) => createExtent(node, request),
    freezeExtent: (request) => freezeExtent(node, request),
    listRecords: (request) => listRecords(node, request),
    completeExtent: (request, context) => completeExtent(node, request, context),
    buildExtent: (request, context) => buildExtent(node, request, context),
    sealExtent: (request) => sealExtent(node, request),
    listExtents: (request) => listExtents(node, request),
    probeDisk: (request) => probeDisk(node, request),
    verifyDisk: (request) => verifyDisk(node, request),
    examineRecord: (request) => examineRecord(node, request),
  })
}

/** Block bytes, by frontends and other storage nodes. One audit line per exchange. */
export async function handleExchange(node: NodeContext, exchange: Exchange): Promise<void> {
  const startedAtMs = node.clock.monotonicMs()
  try {
    await runOperation(node, exchange)
    audit(node, exchange, { code: 'ok', startedAtMs })
  } catch (thrown) {
    const { code, message } = toKuraError(thrown)
    if (code === 'extent-full' || code === 'disk-full') node.tellVolumeManager()
    audit(node, exchange, { code, message, startedAtMs })
    if (code === 'internal') node.loggers.node.error({ err: thrown }, 'a bug')
    throw thrown
  }
}

function audit(
  node: NodeContext,
  { request }: Exchange,
  outcome: {
    readonly code: ErrorCode | 'ok'
    readonly message?: string
    readonly startedAtMs: number
  },
): void {
  const { startedAtMs, ...said } = outcome
  const durationMs = node.clock.monotonicMs() - startedAtMs
  const operation = request.operation.case ?? 'none'
  const value = request.operation.value
  const address = value !== undefined && 'address' in value ? value.address : undefined
  const line = { operation, ...said, durationMs, requestId: request.requestId }
  node.metrics.observeRequest({ operation, code: said.code, durationMs })
  const level = said.code === 'ok' ? 'debug' : 'info'
  node.loggers.audit[level]({ ...line, extentId: Number(address?.extentId ?? 0) }, 'block request')
}

async function runOperation(node: NodeContext, exchange: Exchange): Promise<void> {
  const { operation } = exchange.request
  switch (operation.case) {
    case 'writeRecord':
      assertMayWrite(exchange)
      return await writeRecord(node, exchange, operation.value)
    case 'writeRecords':
      assertMayWrite(exchange)
      return await writeRecords(node, exchange, operation.value)
    case 'readRecord':
      return await readRecord(node, exchange, operation.value)
    case 'readRecords':
      return await readRecords(node, exchange, operation.value)
    case 'hello':
    case 'putBlock':
    case 'getBlock':
    case 'putBlocks':
    case 'getBlocks':
    case 'statBlock':
    case undefined:
      throw new KuraError('unimplemented', 'a storage node has no such operation')
  }
}

function assertMayWrite({ peer }: Exchange): void {
  if (peer.role !== 'operator') return
  throw new KuraError('identity-mismatch', 'an operator reads copies and writes none')
}
