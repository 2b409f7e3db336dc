/** `kura put PATH… | -`: stores files and trees, prints one reference for each argument. */
import { stat } from 'node:fs/promises'
import type { KuraClient, OnProgress, PutFileResult, PutTreeResult } from '@kura/client'
import { KuraError } from '@kura/core'
import { withClient, withProgress, type CommandContext } from '../context.ts'
import { EXIT } from '../exit-code.ts'
import { formatBytes } from '../format.ts'
import { printJson, printLine, warn } from '../terminal.ts'

export const PUT_HELP = `
Prints one reference for each argument, in order: kura:file:… for a file or for
standard input (-), kura:tree:… for a directory. What the zone has already is not
uploaded again.

Examples:
  kura put report.pdf
  kura put ~/photos notes.txt
  tar c . | kura put -
  kura put --json ~/photos | jq -r .reference`

export async function putCommand(
  context: CommandContext,
  paths: readonly string[],
): Promise<number> {
  return await withClient(context, async (client) => {
    let exitCode: number = EXIT.ok
    for (const path of paths) {
      const put = await withProgress(context, `put ${path}`, (onProgress) =>
        putOne(client, path, { context, onProgress }),
      )
      if (!report(context, path, put)) exitCode = EXIT.incomplete
    }
    return exitCode
  })
}

type PutResult = PutFileResult | PutTreeResult

async function putOne(
  client: KuraClient,
  path: string,
  options: { readonly context: CommandContext; readonly onProgress: OnProgress | undefined },
): Promise<PutResult> {
  const { context, onProgress } = options
  const transfer = { onProgress, signal: context.signal }
  if (path === '-') return await client.putFile(context.terminal.input, transfer)
  return (await isDirectory(path))
    ? await client.putTree(path, transfer)
    : await client.putFile(path, transfer)
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (cause) {
    const systemCode = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
    throw new KuraError('file-error', `cannot use ${path}: ${systemCode}`, { cause })
  }
}

/** Prints the result; false when something of it could not be stored as it was. */
function report(context: CommandContext, path: string, put: PutResult): boolean {
  const { terminal } = context
  if (context.json) printJson(terminal, { path, reference: put.text, ...omitText(put) })
  else printLine(terminal, put.text)
  if ('changed' in put) {
    if (put.changed) warn(terminal, `${path} changed while it was read; stored as read last`)
    return !put.changed
  }
  for (const problem of put.problems) {
    const why = problem.systemCode === undefined ? '' : ` (${problem.systemCode})`
    warn(terminal, `${problem.kind}: ${problem.path}${why}`)
  }
  const { unreadable, special, changed } = put.problemCounts
  if (terminal.isWatched) warn(terminal, describeTree(put))
  if (unreadable + special + changed > 0) {
    warn(terminal, `${unreadable} unreadable, ${special} special, ${changed} changed while read`)
  }
  return unreadable + changed === 0
}

function describeTree(put: PutTreeResult): string {
  const stored = `${formatBytes(put.newBytes)} new of ${formatBytes(put.bytes)}`
  return `${put.files} files, ${put.directories} directories, ${put.symlinks} links: ${stored}`
}

function omitText(put: PutResult): object {
  const { text: _text, reference: _reference, ...rest } = put
  if (!('problems' in rest)) return rest
  const problems = rest.problems.map(({ kind, path, systemCode }) => ({ kind, path, systemCode }))
  return { ...rest, problems }
}
