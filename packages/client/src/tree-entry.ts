/** Entries of a directory: how a stored one is made, and what makes one safe to restore. */
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import { KuraError } from '@kura/core'
import { TreeEntrySchema, type TreeEntry } from '@kura/proto'
import { ENTRY_NAME_BYTES_MAX } from './limits.ts'

export type EntryKind = NonNullable<MessageInitShape<typeof TreeEntrySchema>['kind']>

export function createEntry(
  name: Buffer,
  stats: { readonly mode: bigint; readonly mtimeNs: bigint },
  kind: EntryKind,
): TreeEntry {
  const mode = Number(stats.mode) & 0o7777
  return create(TreeEntrySchema, { name, mode, mtimeNs: stats.mtimeNs, kind })
}

const SLASH = 0x2f

/**
 * Refuses a name that could lead out of its directory, and a link that no file system could have.
 * Throws `format-invalid`.
 */
export function checkEntry(entry: TreeEntry): void {
  const name = Buffer.from(entry.name)
  const isPath = name.includes(SLASH) || name.includes(0)
  const isDots = name.equals(Buffer.from('.')) || name.equals(Buffer.from('..'))
  if (name.length === 0 || name.length > ENTRY_NAME_BYTES_MAX || isPath || isDots) {
    throw new KuraError('format-invalid', 'a tree manifest has an entry of no possible name', {
      details: { name: name.toString('utf8', 0, ENTRY_NAME_BYTES_MAX) },
    })
  }
  if (entry.kind.case !== 'symlink') return
  const target = entry.kind.value
  if (target.length > 0 && !target.includes(0)) return
  throw new KuraError('format-invalid', 'a tree manifest has a link to nowhere')
}

/** Names strictly ascend, so that none comes twice. Throws `format-invalid`. */
export function checkOrder(previous: Uint8Array | undefined, name: Uint8Array): void {
  if (previous === undefined || Buffer.compare(previous, name) < 0) return
  throw new KuraError('format-invalid', 'the entries of a tree manifest are not in order')
}
