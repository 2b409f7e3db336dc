/**
 * A program, so that nothing it knows comes from the process that stored the tree: restores the
 * tree, compares it with a second reading of the source, and prints one JSON line. Where the tree
 * cannot be restored, it gets every acknowledged block instead, to say how many are lost.
 */
import { readFile } from 'node:fs/promises'
import { isKuraError, KuraClient } from '@kura/client'
import { compareTrees } from './compare-trees.ts'
import type { ReadBackReport, ReadBackTask } from './read-back.ts'

const PARALLELISM = 16
const NAMED_MAX = 20

async function main(): Promise<ReadBackReport> {
  const task = parseTask(process.argv[2])
  await using client = new KuraClient({
    servers: [task.server],
    pocket: task.pocket,
    parallelism: PARALLELISM,
  })
  const startedAtMs = performance.now()
  try {
    await client.getTree(task.reference, task.target)
  } catch (error) {
    return await countLostBlocks(client, { task, problem: describe(error) })
  }
  const restoreMs = performance.now() - startedAtMs
  const comparison = await compareTrees({
    source: Buffer.from(task.source),
    restored: Buffer.from(task.target),
    skipped: new Set(task.skipped),
  })
  return { ...comparison, restoreMs }
}

function parseTask(text: string | undefined): ReadBackTask {
  const task: ReadBackTask = JSON.parse(text ?? '')
  return task
}

async function countLostBlocks(
  client: KuraClient,
  failure: { readonly task: ReadBackTask; readonly problem: string },
): Promise<ReadBackReport> {
  const hashes = (await readFile(failure.task.hashFile, 'utf8')).split('\n').filter(Boolean)
  const named = [`the tree cannot be restored: ${failure.problem}`]
  let lost = 0
  const readInTurn = async (): Promise<void> => {
    for (let hash = hashes.pop(); hash !== undefined; hash = hashes.pop()) {
      try {
        await client.get(hash)
      } catch (error) {
        lost += 1
        if (named.length < NAMED_MAX) named.push(`block ${hash}: ${describe(error)}`)
      }
    }
  }
  await Promise.all(Array.from({ length: PARALLELISM }, readInTurn))
  // The tree did not come back: that is a loss even where every block answers now.
  return { files: 0, bytes: 0, lost: Math.max(lost, 1), wrong: 0, named, restoreMs: 0 }
}

function describe(error: unknown): string {
  if (isKuraError(error)) return `${error.message} (${error.code})`
  return error instanceof Error ? error.message : String(error)
}

process.stdout.write(`${JSON.stringify(await main())}\n`)
