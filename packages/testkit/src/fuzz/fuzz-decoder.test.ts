import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { KuraError } from '@kura/core'
import { fuzzDecoder, type FuzzedDecoder } from './fuzz-decoder.ts'

beforeEach(() => {
  vi.stubEnv('KURA_FUZZ_EXECUTIONS', '20000')
  vi.stubEnv('KURA_FUZZ_SEED', '1')
})

afterEach(() => {
  vi.unstubAllEnvs()
})

function refuse(): never {
  throw new KuraError('format-invalid', 'refused')
}

/** A bug behind four doors: chance opens all of them once in 2^32 tries. */
function decodeMaze(bytes: Buffer): string {
  if (bytes[0] !== 0x6b) return 'first'
  if (bytes[1] !== 0xf3) return 'second'
  if (bytes[2] !== 0x02) return 'third'
  if (bytes[3] !== 0x9d) return 'fourth'
  throw new TypeError('the minotaur')
}

async function fuzz(decode: FuzzedDecoder['decode']) {
  return await fuzzDecoder({ name: 'planted', decode, seeds: [Buffer.from('seed')] })
}

it('finds a bug step by step that chance alone would not find', async () => {
  vi.stubEnv('KURA_FUZZ_EXECUTIONS', '200000')
  await expect(fuzz(decodeMaze)).rejects.toThrow(/minotaur.*6bf3029d/)
})

it('the same seed takes the same way', async () => {
  const run = async (): Promise<string> => {
    const inputs: string[] = []
    await fuzz((bytes) => {
      inputs.push(bytes.toString('hex'))
      if (bytes.length > 6) refuse()
      return 1
    })
    return inputs.slice(0, 2_000).join()
  }
  expect(await run()).toBe(await run())
})

it('reports an error without a code, a bug, and a number that lost its digits', async () => {
  await expect(fuzz((bytes) => bytes.readUInt32LE(0))).rejects.toThrow(/no KuraError/)
  await expect(
    fuzz((bytes) => {
      if (bytes.length < 3) throw new KuraError('internal', 'oops')
    }),
  ).rejects.toThrow(/bug: oops/)
  await expect(fuzz((bytes) => (bytes.length < 3 ? Number.NaN : 1))).rejects.toThrow(/number NaN/)
  await expect(fuzz((bytes) => ({ deep: [bytes.length < 3 ? 2 ** 53 : 1] }))).rejects.toThrow(
    /number/,
  )
})

it('reports what is slow every time', async () => {
  const sleep = (ms: number): void => {
    const endMs = performance.now() + ms
    while (performance.now() < endMs);
  }
  await expect(
    fuzz((bytes) => {
      if (bytes.length < 3) sleep(60)
    }),
  ).rejects.toThrow(/took \d+\.\d ms/)
})

it('reports memory taken because an input says so', async () => {
  await expect(
    fuzz((bytes) => {
      return bytes.length < 3 ? Buffer.alloc(3 * 1024 * 1024) : undefined
    }),
  ).rejects.toThrow(/bytes of memory/)
})

it('refuses to start from an input that is not valid', async () => {
  await expect(fuzz(refuse)).rejects.toThrow(/valid input is refused/)
})
