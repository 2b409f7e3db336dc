export { BlockClient } from './block-client.ts'
export type {
  BlockClientOptions,
  ExchangeOptions,
  ExchangeResult,
  OpenPutOptions,
} from './block-client.ts'
export { BlockServer } from './block-server.ts'
export type { BlockServerOptions } from './block-server.ts'
export type { ClientHello } from './client-connection.ts'
export type { RequestInit } from './client-exchange.ts'
export type { Exchange, PayloadTrailer, Peer, ResponsePayload } from './exchange.ts'
export {
  BLOCKS_PER_EXCHANGE_MAX,
  ENTRY_REQUEST_ID_LENGTH_MAX,
  EXCHANGE_BLOCKS_BYTES_MAX,
  PASSED_ON_RATE_WINDOW_MS,
  SMALL_BLOCK_BYTES_MAX,
} from './limits.ts'
export type { OutgoingPut } from './outgoing-put.ts'
export type {
  AcceptedSocket,
  ByteSocket,
  SocketEvent,
  SocketListener,
  SocketNetwork,
} from './socket-network.ts'
export { decodeWireError, encodeErrorResponse, encodeRecordRefusal } from './wire-error.ts'
