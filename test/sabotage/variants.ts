/**
 * Every way in which Kura could betray a promise and look well, as a change of its source, and the
 * tests that must notice.
 */
import { VARIANT_VARIABLE, type Variant } from './variant.ts'
import { DURABILITY_VARIANTS } from './variants/durability.ts'
import { RECOVERY_VARIANTS } from './variants/recovery.ts'
import { RIGHT_BYTES_VARIANTS } from './variants/right-bytes.ts'

export const VARIANTS: readonly Variant[] = [
  ...DURABILITY_VARIANTS,
  ...RECOVERY_VARIANTS,
  ...RIGHT_BYTES_VARIANTS,
]

/** Throws for a name that no variant has. */
export function variantNamed(name: string): Variant {
  const variant = VARIANTS.find((each) => each.name === name)
  if (variant === undefined) throw new Error(`${VARIANT_VARIABLE}=${name}: no such variant`)
  return variant
}
