/**
 * A program: reads hashes from standard input, one a line, gets each block from the servers named
 * as arguments, and prints one JSON line with what it found. It verifies with its own SHA-256, so
 * that it shares no belief with the process that put the blocks.
 */
import { createInterface } from 'node:readline'
import { KuraClient } from '@kura/client'
import { isKuraError, parseBlockHash, type BlockHash } from '@kura/core'
import { hashOf } from './blocks.ts'

export interface ReadReport {
  readonly right: number
  readonly wrong: readonly string[]
  readonly missing: readonly string[]
  readonly failed: readonly string[]
}

const READERS = 16

async function readHashes(): Promise<BlockHash[]> {
  const hashes: BlockHash[] = []
  for await (const line of createInterface({ input: process.stdin })) {
    if (line !== '') hashes.push(parseBlockHash(line))
  }
  return hashes
}

async function main(): Promise<void> {
  const pocket = process.argv[2] ?? 'local'
  const client = new KuraClient({ servers: process.argv.slice(3), pocket })
  const hashes = await readHashes()
  const report = {
    right: 0,
    wrong: [] as string[],
    missing: [] as string[],
    failed: [] as string[],
  }
  const readOne = async (hash: BlockHash): Promise<void> => {
    try {
      const bytes = await client.get(hash)
      if (hashOf(bytes) === hash) report.right += 1
      else report.wrong.push(hash)
    } catch (error) {
      if (isKuraError(error, 'not-found')) report.missing.push(hash)
      else report.failed.push(`${hash} ${isKuraError(error) ? error.code : String(error)}`)
    }
  }
  const readInTurn = async (): Promise<void> => {
    for (let hash = hashes.pop(); hash !== undefined; hash = hashes.pop()) await readOne(hash)
  }
  await Promise.all(Array.from({ length: READERS }, readInTurn))
  await client.close()
  process.stdout.write(`${JSON.stringify(report satisfies ReadReport)}\n`)
}

await main()
