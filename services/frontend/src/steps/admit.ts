import type { FrontendContext } from '../frontend-context.ts'
import type { PutCall } from './put-call.ts'
import { Put } from './put.ts'

/** Step 1 of a put: a buffer for its block, or a refusal. Until then its body is not read. */
export async function admit(frontend: FrontendContext, call: PutCall): Promise<Put> {
  const { signal } = call
  return new Put({ frontend, call, slab: await frontend.admission.reserve(call, { signal }) })
}
