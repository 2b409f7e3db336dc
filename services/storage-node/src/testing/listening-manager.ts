import { KuraError, parseCellId, parsePocketId, parseZoneId, type Member } from '@kura/core'
import { VolumeManager, type HeartbeatRequest } from '@kura/proto'
import { RpcServer, type ProcessIdentity } from '@kura/rpc'

export const TEST_PLACE = {
  pocket: parsePocketId('test'),
  zone: parseZoneId('a'),
  cellId: parseCellId(1),
} as const

/** A volume manager that hears heartbeats and does nothing else. */
export class ListeningManager {
  readonly heartbeats: HeartbeatRequest[]
  readonly identity: ProcessIdentity
  readonly member: Member
  readonly #server: RpcServer

  private constructor(options: {
    readonly identity: ProcessIdentity
    readonly server: RpcServer
    readonly rpcAddress: string
    readonly heartbeats: HeartbeatRequest[]
  }) {
    const { identity, rpcAddress } = options
    this.heartbeats = options.heartbeats
    this.identity = identity
    this.member = { kind: 'volume-manager', id: identity.id, addresses: { rpc: rpcAddress } }
    this.#server = options.server
  }

  /** `answer`: heartbeats are answered when it resolves. */
  static async listen(
    id: string,
    options: { readonly answer?: Promise<void> } = {},
  ): Promise<ListeningManager> {
    const identity: ProcessIdentity = { ...TEST_PLACE, kind: 'volume-manager', id }
    const server = new RpcServer({ identity })
    const heartbeats: HeartbeatRequest[] = []
    server.add(VolumeManager, {
      heartbeat: async (request) => {
        heartbeats.push(request)
        await options.answer
        return { epoch: 1n, diskState: 'in-service' }
      },
      reportFailure: refuse,
      getPlacements: refuse,
      getCellStatus: refuse,
      repairCell: refuse,
      describeDiskLoss: refuse,
      closeVolumes: refuse,
      trustIndex: refuse,
      backUp: async function* () {},
      // eslint-disable-next-line require-yield
      watchCellMap: async function* () {
        await refuse()
      },
    })
    const rpcAddress = await server.listen('127.0.0.1:0')
    return new ListeningManager({ identity, server, rpcAddress, heartbeats })
  }

  get lastHeartbeat(): HeartbeatRequest | undefined {
    return this.heartbeats.at(-1)
  }

  async close(): Promise<void> {
    await this.#server.close({ graceMs: 100 })
  }
}

function refuse(): Promise<never> {
  return Promise.reject(new KuraError('unimplemented', 'this one only hears'))
}
