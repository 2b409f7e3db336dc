/**
 * The client's one connection: where the peer is, and the channel to it. The address is asked
 * again after a failure that may mean that the peer moved, so that a restart on another port or a
 * new leader is found by the next call.
 */
import { Client, connectivityState, credentials } from '@grpc/grpc-js'
import { KuraError } from '@kura/core'
import {
  KEEPALIVE_PERIOD_MS,
  KEEPALIVE_TIMEOUT_MS,
  MESSAGE_SIZE_BYTES_MAX,
  RECONNECT_DELAY_MS_MAX,
  RECONNECT_DELAY_MS_MIN,
} from './limits.ts'

/**
 * Says where the peer is, `host:port`. `failedAddress` is the address that just failed, if any; a
 * resolver that knows several peers then names another.
 */
export type ResolveAddress = (failedAddress?: string) => Promise<string>

interface Channel {
  readonly address: string
  readonly client: Client
}

export class RpcConnection {
  readonly #resolve: ResolveAddress
  #channel: Channel | undefined
  #doubted = false
  #closed = false
  #resolving: Promise<Channel> | undefined

  constructor(resolve: ResolveAddress) {
    this.#resolve = resolve
  }

  /** The channel for a call, at once where one works; throws what `resolve` throws. */
  client(): Client | Promise<Client> {
    if (this.#closed) throw new KuraError('shutting-down', 'this client is closed')
    const channel = this.#channel
    if (channel !== undefined && !this.#doubted && !isBroken(channel)) return channel.client
    return this.#reconnect()
  }

  /** The last call failed in a way that may mean that the peer moved: ask again. */
  doubt(): void {
    this.#doubted = true
  }

  close(): void {
    this.#closed = true
    this.#channel?.client.close()
    this.#channel = undefined
  }

  async #reconnect(): Promise<Client> {
    this.#resolving ??= this.#openChannel().finally(() => {
      this.#resolving = undefined
    })
    return (await this.#resolving).client
  }

  async #openChannel(): Promise<Channel> {
    const previous = this.#channel
    const address = await this.#resolve(previous?.address)
    if (this.#closed) throw new KuraError('shutting-down', 'this client is closed')
    this.#doubted = false
    if (previous !== undefined) {
      if (previous.address === address) return previous
      // Calls under way on the old channel end by themselves.
      previous.client.close()
    }
    const channel = { address, client: openClient(address) }
    this.#channel = channel
    return channel
  }
}

function isBroken(channel: Channel): boolean {
  const state = channel.client.getChannel().getConnectivityState(false)
  return state === connectivityState.TRANSIENT_FAILURE
}

function openClient(address: string): Client {
  return new Client(address, credentials.createInsecure(), {
    'grpc.max_receive_message_length': MESSAGE_SIZE_BYTES_MAX,
    'grpc.max_send_message_length': MESSAGE_SIZE_BYTES_MAX,
    'grpc.initial_reconnect_backoff_ms': RECONNECT_DELAY_MS_MIN,
    'grpc.max_reconnect_backoff_ms': RECONNECT_DELAY_MS_MAX,
    'grpc.keepalive_time_ms': KEEPALIVE_PERIOD_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
    // Callers retry, they know what is safe to repeat.
    'grpc.enable_retries': 0,
    'grpc.enable_channelz': 0,
    // Peers are processes of the own zone; a proxy of the environment is not for them.
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.use_local_subchannel_pool': 1,
  })
}
