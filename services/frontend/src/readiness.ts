import { toKuraError } from '@kura/core'
import type { ReadinessReason } from '@kura/runtime'
import type { FrontendContext } from './frontend-context.ts'

const INDEX_PROBE_TIMEOUT_MS = 1_000

/** Why this frontend should get no requests now; empty when it should. */
export async function readinessOf(
  frontend: FrontendContext,
  state: { readonly isStopping: boolean },
): Promise<readonly ReadinessReason[]> {
  const reasons: ReadinessReason[] = []
  const { maps } = frontend
  if (state.isStopping) reasons.push({ code: 'stopping', message: 'The process stops.' })
  if (maps.weights === undefined) {
    reasons.push({ code: 'no-zone-map', message: 'No zone map was seen yet.' })
  }
  for (const cellId of maps.weights?.weights.keys() ?? []) {
    if (maps.cell(cellId).incarnation !== undefined) continue
    reasons.push({ code: 'no-cell-map', message: `No map of cell ${cellId} was seen yet.` })
  }
  if (maps.openVolumeCount === 0) {
    reasons.push({ code: 'no-open-volume', message: 'No open volume is known.' })
  }
  const indexProblem = await probeIndex(frontend)
  return indexProblem === undefined ? reasons : [...reasons, indexProblem]
}

async function probeIndex(frontend: FrontendContext): Promise<ReadinessReason | undefined> {
  try {
    await frontend.index.getIndexStatus({}, { timeoutMs: INDEX_PROBE_TIMEOUT_MS })
    return undefined
  } catch (error) {
    const { code } = toKuraError(error)
    return { code: 'index-unreachable', message: `The block index does not answer: ${code}.` }
  }
}
