/** References: what `put` prints and `get` takes. */
import { KuraError, parseBlockHash, type BlockHash } from '@kura/core'

/**
 * - `block`: one block, written as its bare hash
 * - `file`: a file manifest, `kura:file:<hash>`
 * - `tree`: a tree manifest, `kura:tree:<hash>`
 */
export interface Reference {
  readonly kind: 'block' | 'file' | 'tree'
  readonly hash: BlockHash
}

const MANIFEST_REFERENCE = /^kura:(file|tree):([0-9a-fA-F]{64})$/

/** Parses a reference. Throws `invalid-hash`. */
export function parseReference(text: string): Reference {
  const match = MANIFEST_REFERENCE.exec(text)
  if (match !== null) {
    const kind = match[1] === 'file' ? 'file' : 'tree'
    return Object.freeze({ kind, hash: parseBlockHash(match[2] ?? '') })
  }
  try {
    return Object.freeze({ kind: 'block', hash: parseBlockHash(text) })
  } catch (cause) {
    throw new KuraError('invalid-hash', 'not a reference', {
      cause,
      details: { given: text.slice(0, 90) },
      hint: 'a reference is <hash>, kura:file:<hash> or kura:tree:<hash>, of 64 hex digits',
    })
  }
}

export function formatReference(reference: Reference): string {
  if (reference.kind === 'block') return reference.hash
  return `kura:${reference.kind}:${reference.hash}`
}

/** A reference given as text or parsed, which must be of `kind`. Throws `invalid-argument`. */
export function requireReference(given: Reference | string, kind: Reference['kind']): Reference {
  const reference = typeof given === 'string' ? parseReference(given) : given
  if (reference.kind === kind) return reference
  throw new KuraError('invalid-argument', `this reference names a ${reference.kind}`, {
    details: { wanted: kind, given: formatReference(reference) },
  })
}
