/**
 * Loads the simulation with a sabotaged product, beside the one that is loaded already: modules of
 * the repository are loaded once more under an address of their own, the files of the variant with
 * its edits. What lies in node_modules is shared. Nothing is replaced, and so nothing is put back.
 *
 * Node loads these modules itself, also in a test: the transform of vitest has no part in them.
 */
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { constants, runInThisContext } from 'node:vm'
import { assert } from '@kura/core'
import { repositoryRoot, sabotagedSources } from '../../sabotage/variant.ts'
import type { RunPlan } from '../plan/run-result.ts'
import { simulatedVariantNamed } from './variants.ts'

/** The product as it is, loaded in the same way. */
export const UNCHANGED = 'unchanged'

const ROOT = pathToFileURL(`${repositoryRoot}/`).href
const RUNNER = new URL('../run-plan.ts', import.meta.url).href

/** Node's own `import`: that of a test goes through vitest. */
const importModule = runInThisContext('(url) => import(url)', {
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
}) as (url: string) => Promise<{ readonly runPlan?: RunPlan }>

/**
 * REQUIRES: not called twice with the same name in one process. Throws for a name that no variant
 * has, and where a fragment is not there exactly once.
 */
export async function loadSabotaged(name: string): Promise<RunPlan> {
  const edits = name === UNCHANGED ? [] : simulatedVariantNamed(name).edits
  const sources = sabotagedSources({ edits })
  const suffix = `?sabotage=${name}`
  const isOurs = (url: string): boolean => url.startsWith(ROOT) && !url.includes('/node_modules/')
  const hooks = registerHooks({
    resolve: (specifier, context, next) => {
      if (context.parentURL?.endsWith(suffix) !== true) return next(specifier, context)
      const conditions = [...new Set([...context.conditions, 'source'])]
      const resolved = next(specifier, { ...context, conditions })
      return isOurs(resolved.url) ? { ...resolved, url: resolved.url + suffix } : resolved
    },
    load: (url, context, next) => {
      if (!url.endsWith(suffix)) return next(url, context)
      const path = fileURLToPath(url.slice(0, -suffix.length))
      const source =
        sources.get(path.slice(repositoryRoot.length + 1)) ?? readFileSync(path, 'utf8')
      return { format: 'module-typescript', source, shortCircuit: true }
    },
  })
  try {
    const { runPlan } = await importModule(RUNNER + suffix)
    assert(typeof runPlan === 'function', `${RUNNER} exports runPlan`)
    return runPlan
  } finally {
    hooks.deregister()
  }
}
