export { CallContext } from './call-context.ts'
export { canConnect } from './can-connect.ts'
export { assertSamePlace } from './process-identity.ts'
export type { CallerKind, ProcessIdentity } from './process-identity.ts'
export { createRpcClient } from './rpc-client.ts'
export type { RpcClientOptions } from './rpc-client.ts'
export type { ResolveAddress } from './rpc-connection.ts'
export { encodeErrorTrailer, ERROR_TRAILER } from './rpc-error.ts'
export { RpcServer } from './rpc-server.ts'
export type { CallRecord, RpcServerOptions } from './rpc-server.ts'
export type {
  CallOptions,
  RpcClientOf,
  RpcHandlers,
  ServiceDescriptor,
} from './service-definition.ts'
