/** `kura get REF -o OUT | -`: fetches a block, a file or a tree, verified. */
import { writeFile } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parseReference, type KuraClient, type OnProgress, type Reference } from '@kura/client'
import { KuraError } from '@kura/core'
import { withClient, withProgress, type CommandContext } from '../context.ts'
import { EXIT } from '../exit-code.ts'
import { printJson } from '../terminal.ts'

export const GET_HELP = `
A bare hash is one block, kura:file:… a file, kura:tree:… a directory. Names, modes,
times, links and empty files are restored; every byte is verified. Nothing is
replaced unless --overwrite is given.

Examples:
  kura get kura:file:9f86d0… -o report.pdf
  kura get kura:tree:2c26b4… -o ~/restored
  kura get kura:file:9f86d0… -o - | tar x
  kura get 9f86d081884c7d65… -o block.bin`

export interface GetArguments {
  readonly reference: string
  /** A path, or `-` for standard output. */
  readonly out: string
  readonly overwrite: boolean
}

export async function getCommand(context: CommandContext, given: GetArguments): Promise<number> {
  const reference = parseReference(given.reference)
  if (reference.kind === 'tree' && given.out === '-') {
    throw new KuraError(
      'invalid-argument',
      'a tree goes into a directory, not to standard output',
      {
        hint: 'give a directory with -o',
      },
    )
  }
  return await withClient(context, async (client) => {
    const result = await withProgress(context, 'get', (onProgress) =>
      given.out === '-'
        ? getToOutput(client, reference, { context, onProgress })
        : getToPath(client, reference, { context, onProgress, given }),
    )
    if (context.json && given.out !== '-') printJson(context.terminal, result)
    return EXIT.ok
  })
}

interface Transfer {
  readonly context: CommandContext
  readonly onProgress: OnProgress | undefined
}

async function getToOutput(
  client: KuraClient,
  reference: Reference,
  transfer: Transfer,
): Promise<object> {
  const { context, onProgress } = transfer
  const { signal } = context
  const pieces =
    reference.kind === 'file'
      ? client.readFile(reference, { onProgress, signal })
      : [await client.get(reference.hash, { signal })]
  try {
    await pipeline(Readable.from(pieces), context.terminal.output, { end: false })
  } catch (error) {
    // Who reads the pipe has seen enough; that is no failure of ours.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPIPE')) throw error
  }
  return {}
}

async function getToPath(
  client: KuraClient,
  reference: Reference,
  transfer: Transfer & { readonly given: GetArguments },
): Promise<object> {
  const { context, onProgress, given } = transfer
  const { out, overwrite } = given
  const options = { overwrite, onProgress, signal: context.signal }
  switch (reference.kind) {
    case 'tree':
      return { path: out, ...(await client.getTree(reference, out, options)) }
    case 'file':
      return { path: out, ...(await client.getFile(reference, out, options)) }
    case 'block': {
      const bytes = await client.get(reference.hash, { signal: context.signal })
      await writeBlock(out, bytes, overwrite)
      return { path: out, sizeBytes: bytes.length, blockCount: 1 }
    }
  }
}

async function writeBlock(path: string, bytes: Uint8Array, overwrite: boolean): Promise<void> {
  try {
    await writeFile(path, bytes, { flag: overwrite ? 'w' : 'wx' })
  } catch (cause) {
    const systemCode = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
    if (systemCode !== 'EEXIST') {
      throw new KuraError('file-error', `cannot use ${path}: ${systemCode}`, { cause })
    }
    throw new KuraError('target-exists', `${path} exists`, { hint: 'ask to --overwrite', cause })
  }
}
