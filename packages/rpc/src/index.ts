export { CallContext } from './call-context.ts'
export { canConnect } from './can-connect.ts'
export { assertSamePlace, decodeCaller, encodeCaller } from './process-identity.ts'
export type { CallerKind, ProcessIdentity } from './process-identity.ts'
export { createRpcClient } from './rpc-client.ts'
export type { RpcClientOptions } from './rpc-client.ts'
export type { ResolveAddress } from './rpc-connection.ts'
export {
  decodeErrorDetails,
  decodeRpcError,
  encodeErrorDetails,
  encodeErrorTrailer,
  encodeRpcError,
  ERROR_TRAILER,
} from './rpc-error.ts'
export type { RpcFailure, RpcStatus } from './rpc-error.ts'
export { grpcNetwork } from './rpc-network.ts'
export type { RpcListener, RpcNetwork } from './rpc-network.ts'
export { RpcServer } from './rpc-server.ts'
export type { CallRecord, RpcServerOptions } from './rpc-server.ts'
export { asClientOf, bindMethods, streamHandlerOf, unaryHandlerOf } from './service-definition.ts'
export type {
  BoundMethod,
  CallOptions,
  RpcClientOf,
  RpcHandlers,
  ServiceDescriptor,
  StreamHandler,
  UnaryHandler,
} from './service-definition.ts'
