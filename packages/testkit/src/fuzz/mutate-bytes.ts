/** Small random changes of an input, of the kinds that decoders trip over. */
import type { SeededRandom } from '../seeded-random.ts'

const STEPS_MAX = 4
const RUN_BYTES_MAX = 32
/** Numbers on the edges of what fields can hold, as little-endian bytes. */
const EDGES: readonly Buffer[] = [
  Buffer.alloc(1),
  Buffer.alloc(4),
  Buffer.alloc(8),
  Buffer.alloc(1, 0xff),
  Buffer.alloc(4, 0xff),
  Buffer.alloc(8, 0xff),
  Buffer.from('00000080', 'hex'),
  Buffer.from('ffffff7f', 'hex'),
  Buffer.from('0000000000002000', 'hex'),
  // The largest and an overlong varint; NaN and infinity as doubles.
  Buffer.from('ffffffffffffffffff01', 'hex'),
  Buffer.from('80808080808080808080808000', 'hex'),
  Buffer.from('000000000000f87f', 'hex'),
  Buffer.from('000000000000f07f', 'hex'),
]

export interface Mutation {
  readonly random: SeededRandom
  /** Another input to take pieces of. */
  readonly other: Uint8Array
  /** Words that the decoder knows. */
  readonly words: readonly Uint8Array[]
  readonly sizeBytesMax: number
}

export function mutateBytes(bytes: Uint8Array, mutation: Mutation): Buffer {
  const stepCount = 1 + pick(mutation.random, STEPS_MAX)
  let mutant: Buffer = Buffer.from(bytes)
  for (let step = 0; step < stepCount; step += 1) mutant = mutateOnce(mutant, mutation)
  return mutant.subarray(0, mutation.sizeBytesMax)
}

function mutateOnce(bytes: Buffer, { random, other, words }: Mutation): Buffer {
  const at = pick(random, bytes.length + 1)
  const length = 1 + pick(random, RUN_BYTES_MAX)
  switch (pick(random, 9)) {
    case 0:
      return changeByte(bytes, at, (value) => value ^ (1 << pick(random, 8)))
    case 1:
      return changeByte(bytes, at, () => pick(random, 256))
    case 2:
      return changeByte(bytes, at, (value) => value + (pick(random, 2) === 0 ? 1 : 255))
    case 3:
      return replace(bytes, { at, length: 0, piece: random.bytes(length) })
    case 4:
      return replace(bytes, { at, length, piece: Buffer.alloc(0) })
    case 5: {
      const piece = bytes.subarray(at, at + length)
      return replace(bytes, { at: pick(random, bytes.length + 1), length: 0, piece })
    }
    case 6: {
      const from = pick(random, other.length + 1)
      const piece = Buffer.from(other.subarray(from, from + length * 4))
      return replace(bytes, { at, length: pick(random, 2) * piece.length, piece })
    }
    case 7: {
      const pieces = [...EDGES, ...words]
      const piece = Buffer.from(pieces[pick(random, pieces.length)] ?? [])
      return replace(bytes, { at, length: pick(random, 2) * piece.length, piece })
    }
    default:
      return bytes.subarray(0, at)
  }
}

function changeByte(bytes: Buffer, at: number, change: (value: number) => number): Buffer {
  if (at < bytes.length) bytes[at] = change(bytes[at] ?? 0) & 0xff
  return bytes
}

function replace(
  bytes: Buffer,
  change: { readonly at: number; readonly length: number; readonly piece: Buffer },
): Buffer {
  const { at, length, piece } = change
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at + length)])
}

/** An integer from 0 to below `count`. */
function pick(random: SeededRandom, count: number): number {
  return Math.floor(random.next() * count)
}
