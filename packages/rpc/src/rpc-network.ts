/**
 * The port to the control plane between processes. Production has `grpcNetwork`; a simulation puts
 * its own network in its place, which passes messages through the same codecs.
 */
import { canConnect } from './can-connect.ts'
import { createRpcClient, type RpcClientOptions } from './rpc-client.ts'
import { RpcServer, type RpcServerOptions } from './rpc-server.ts'
import type { RpcClientOf, RpcHandlers, ServiceDescriptor } from './service-definition.ts'

export interface RpcNetwork {
  createServer(options: RpcServerOptions): RpcListener
  createClient<S extends ServiceDescriptor>(service: S, options: RpcClientOptions): RpcClientOf<S>
  /** Whether somebody listens at `host:port`. Never throws. */
  canConnect(address: string, options: { readonly timeoutMs: number }): Promise<boolean>
}

export interface RpcListener {
  add<S extends ServiceDescriptor>(service: S, handlers: RpcHandlers<S>): void
  /** Listens on `host:port` (port 0: any); the actual `host:port`. Throws `port-taken`. */
  listen(address: string): Promise<string>
  /** Ends streams at once and lets other calls finish for at most `graceMs`. */
  close(options: { readonly graceMs: number }): Promise<void>
}

export const grpcNetwork: RpcNetwork = {
  createServer: (options) => new RpcServer(options),
  createClient: createRpcClient,
  canConnect,
}
