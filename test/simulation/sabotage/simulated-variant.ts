/** A sabotage that lives of a simulated zone must show. */
import type { SourceEdit } from '../../sabotage/variant.ts'
import type { Plan } from '../plan/plan.ts'

export interface SimulatedVariant {
  readonly name: string
  /** What is broken, for people. */
  readonly what: string
  readonly edits: readonly SourceEdit[]
  /**
   * Makes the plan of a seed one that is likelier to show it. A zone that keeps its promises lives
   * through the tilted plan as well.
   */
  readonly tilt?: (plan: Plan) => Plan
  /** What the tilt does, for people. */
  readonly tiltedBy?: string
}
