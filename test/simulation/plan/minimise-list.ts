/**
 * Delta debugging (Zeller's ddmin): the shortest sublist found that still passes `isEnough`. With
 * enough tries the result is 1-minimal: without any one of its members it no longer passes.
 */
export async function minimiseList<T>(
  all: readonly T[],
  isEnough: (sublist: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  if (all.length > 0 && (await isEnough([]))) return []
  let kept = all
  let pieceCount = 2
  while (kept.length >= 2) {
    const smaller = await findSmaller(cut(kept, pieceCount), isEnough)
    if (smaller !== undefined) {
      pieceCount = smaller.isPiece ? 2 : Math.max(2, pieceCount - 1)
      kept = smaller.kept
    } else if (pieceCount < kept.length) {
      pieceCount = Math.min(kept.length, pieceCount * 2)
    } else break
  }
  return kept
}

/** One piece alone, or all but one. */
async function findSmaller<T>(
  pieces: readonly (readonly T[])[],
  isEnough: (sublist: readonly T[]) => Promise<boolean>,
): Promise<{ readonly kept: readonly T[]; readonly isPiece: boolean } | undefined> {
  for (const piece of pieces) {
    if (await isEnough(piece)) return { kept: piece, isPiece: true }
  }
  // Of two pieces, all but one is the other one.
  if (pieces.length === 2) return undefined
  for (const piece of pieces) {
    const others = pieces.filter((other) => other !== piece).flat()
    if (await isEnough(others)) return { kept: others, isPiece: false }
  }
  return undefined
}

/** Into `count` pieces of about the same length, none of them empty. REQUIRES: count ≤ length. */
function cut<T>(all: readonly T[], count: number): readonly (readonly T[])[] {
  return Array.from({ length: count }, (_, index) => {
    const from = Math.floor((index * all.length) / count)
    return all.slice(from, Math.floor(((index + 1) * all.length) / count))
  })
}
