/**
 * The adapter between protobuf-es services and grpc-js: typed handlers and clients on one side,
 * untyped paths and codecs on the other. All casts between the two worlds are in this file; each
 * is sound because both sides derive from the same method descriptor.
 */
import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type DescMethod,
  type Message,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf'
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2'
import { assert } from '@kura/core'
import type { CallContext } from './call-context.ts'

type MethodTypes = Pick<DescMethod, 'input' | 'output' | 'methodKind'>

/** The descriptor of a service as generated, e.g. `typeof BlockIndex`. */
export type ServiceDescriptor = GenService<GenServiceMethods>

/** Server side of a service, e.g. `RpcHandlers<typeof BlockIndex>`: one function per RPC. */
export type RpcHandlers<S extends ServiceDescriptor> = {
  readonly [Name in keyof S['method']]: RpcHandler<S['method'][Name]>
}

type RpcHandler<M extends MethodTypes> = M['methodKind'] extends 'unary'
  ? (
      request: MessageShape<M['input']>,
      context: CallContext,
    ) => Promise<MessageInitShape<M['output']>>
  : (
      request: MessageShape<M['input']>,
      context: CallContext,
    ) => AsyncIterable<MessageInitShape<M['output']>>

export interface CallOptions {
  /** Default: RPC_TIMEOUT_MS for unary calls, none for streams. */
  readonly timeoutMs?: number | undefined
  /** Sent along and logged on both sides; made up where absent. */
  readonly requestId?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** Client side of a service, e.g. `RpcClientOf<typeof BlockIndex>`. Fails with KuraErrors only. */
export type RpcClientOf<S extends ServiceDescriptor> = {
  readonly [Name in keyof S['method']]: RpcCall<S['method'][Name]>
} & {
  /** Takes no more calls; those under way end by themselves. */
  close(): void
}

type RpcCall<M extends MethodTypes> = M['methodKind'] extends 'unary'
  ? (
      request: MessageInitShape<M['input']>,
      options?: CallOptions,
    ) => Promise<MessageShape<M['output']>>
  : (
      request: MessageInitShape<M['input']>,
      options?: CallOptions,
    ) => AsyncIterable<MessageShape<M['output']>>

export type UnaryHandler = (request: Message, context: CallContext) => Promise<object>
export type StreamHandler = (request: Message, context: CallContext) => AsyncIterable<object>

/** One RPC as grpc-js wants it. Decoded bytes fields are views that pin the whole message. */
export interface BoundMethod {
  /** verbNoun */
  readonly name: string
  readonly path: string
  readonly requestStream: boolean
  readonly responseStream: boolean
  readonly requestSerialize: (request: object) => Buffer
  readonly requestDeserialize: (bytes: Buffer) => Message
  readonly responseSerialize: (response: object) => Buffer
  readonly responseDeserialize: (bytes: Buffer) => Message
}

/** Nobody sends them on, and each kept one costs fifty times its bytes. */
const DECODING = { readUnknownFields: false }

export function bindMethods(service: ServiceDescriptor): BoundMethod[] {
  return service.methods.map((method: DescMethod) => {
    const { methodKind, input, output } = method
    assert(methodKind === 'unary' || methodKind === 'server_streaming', 'no client streams here')
    return {
      name: method.localName,
      path: `/${service.typeName}/${method.name}`,
      requestStream: false,
      responseStream: methodKind === 'server_streaming',
      requestSerialize: (request) => encode(input, request),
      requestDeserialize: (bytes) => fromBinary(input, bytes, DECODING),
      responseSerialize: (response) => encode(output, response),
      responseDeserialize: (bytes) => fromBinary(output, bytes, DECODING),
    }
  })
}

function encode(schema: DescMessage, init: object): Buffer {
  const bytes = toBinary(schema, create(schema, init as MessageInitShape<DescMessage>))
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

export function unaryHandlerOf<S extends ServiceDescriptor>(
  handlers: RpcHandlers<S>,
  method: BoundMethod,
): UnaryHandler {
  return handlerOf(handlers, method) as UnaryHandler
}

export function streamHandlerOf<S extends ServiceDescriptor>(
  handlers: RpcHandlers<S>,
  method: BoundMethod,
): StreamHandler {
  return handlerOf(handlers, method) as StreamHandler
}

function handlerOf<S extends ServiceDescriptor>(
  handlers: RpcHandlers<S>,
  method: BoundMethod,
): unknown {
  const handler: unknown = Reflect.get(handlers, method.name)
  assert(typeof handler === 'function', `no handler for ${method.path}`)
  return handler.bind(handlers)
}

/** Names the untyped calls of `bindMethods(service)` as what they are. */
export function asClientOf<S extends ServiceDescriptor>(
  calls: Readonly<Record<string, unknown>>,
): RpcClientOf<S> {
  return calls as RpcClientOf<S>
}
