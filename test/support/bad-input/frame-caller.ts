/** Connections of the block transport as somebody would make them by hand. */
import { KIB } from '@kura/core'
import { CUT, SILENCE } from './cell.ts'
import { describeOutcomes } from './frames.ts'
import { RawCaller } from './raw-caller.ts'

const PIECE = Buffer.alloc(64 * KIB)

/** Sends a connection's first bytes, and answers what came until there is one whole answer. */
export async function sendForAnswer(address: string, bytes: Buffer): Promise<string> {
  using caller = new RawCaller(address)
  const reading = caller.readUntil((received) => describeOutcomes(received) !== CUT)
  await caller.write(bytes)
  return (await reading) === 'silence' ? SILENCE : describeOutcomes(caller.received)
}

/** Says that nothing more comes, and answers what came until the server ended the connection. */
export async function sendAndEnd(address: string, bytes: Buffer): Promise<string> {
  using caller = new RawCaller(address)
  const reading = caller.readUntil(() => false)
  await caller.write(bytes)
  caller.end()
  return (await reading) === 'silence' ? SILENCE : describeOutcomes(caller.received)
}

/** Sends `first` at once and `slowly` byte by byte, and answers what came until the end. */
export async function dribbleToEnd(
  address: string,
  first: Buffer,
  slowly: Buffer,
): Promise<string> {
  using caller = new RawCaller(address)
  const reading = caller.readUntil(() => false)
  await caller.write(first)
  await caller.dribble(slowly, 500)
  return (await reading) === 'silence' ? SILENCE : describeOutcomes(caller.received)
}

/** Bytes behind `start` until there is an answer or an end. */
export async function sendEndless(address: string, start: Buffer): Promise<string> {
  using caller = new RawCaller(address)
  const reading = caller.readUntil(() => false)
  await caller.write(start)
  while (caller.takesBytes && describeOutcomes(caller.received) === CUT) await caller.write(PIECE)
  caller.end()
  await reading
  return describeOutcomes(caller.received)
}

/** A payload behind `start`, far below the rate that is asked for, until there is an answer. */
export async function sendSlowBody(
  address: string,
  start: Buffer,
  payload: Buffer,
): Promise<string> {
  using caller = new RawCaller(address)
  const reading = caller.readUntil((received) => describeOutcomes(received) !== CUT)
  await caller.write(start)
  const sending = caller.dribble(payload, 100)
  const how = await reading
  caller[Symbol.dispose]()
  await sending
  return how === 'silence' ? SILENCE : describeOutcomes(caller.received)
}
