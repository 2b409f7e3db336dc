/** `kura stat REF`: what lies behind a reference. */
import type { Description } from '@kura/client'
import { withClient, type CommandContext } from '../context.ts'
import { EXIT } from '../exit-code.ts'
import { formatBytes, formatTable } from '../format.ts'
import { printJson, printLine } from '../terminal.ts'

export const STAT_HELP = `
Examples:
  kura stat 9f86d081884c7d65…
  kura stat --json kura:tree:2c26b4… | jq .contentBytes`

export async function statCommand(context: CommandContext, reference: string): Promise<number> {
  return await withClient(context, async (client) => {
    const found = await client.describe(reference, { signal: context.signal })
    if (context.json) printJson(context.terminal, found)
    else printLine(context.terminal, formatTable(describe(found)))
    return EXIT.ok
  })
}

function describe(found: Description): string[][] {
  const { block, attributes } = found
  const rows = [
    ['reference', found.text],
    ['kind', found.kind],
    ['content', `${formatBytes(found.contentBytes)} (${found.contentBytes} bytes)`],
  ]
  if (found.kind !== 'block') rows.push(['manifest', `${block.hash} (${block.sizeBytes} bytes)`])
  if (attributes !== undefined) {
    rows.push(['mode', attributes.mode.toString(8).padStart(4, '0')])
    rows.push(['modified', isoTime(Number(attributes.mtimeNs / 1_000_000n))])
  }
  rows.push(['bucket', String(block.bucketId)])
  rows.push(['last put', isoTime(block.lastPutMs)])
  return rows
}

function isoTime(timeMs: number): string {
  return new Date(timeMs).toISOString()
}
