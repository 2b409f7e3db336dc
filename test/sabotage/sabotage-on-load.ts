/**
 * Preloaded with `--import` into every process that a sabotaged test starts: a file of the variant
 * is loaded as its source with the edits, whether the process runs from source or as compiled.
 */
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { repositoryRoot, sabotagedSources, VARIANT_VARIABLE } from './variant.ts'
import { variantNamed } from './variants.ts'

const urlOf = (file: string): string => pathToFileURL(join(repositoryRoot, file)).href
const compiledFile = (file: string): string =>
  file.replace('/src/', '/dist/').replace(/\.ts$/, '.js')

const name = process.env[VARIANT_VARIABLE]
if (name !== undefined) {
  const sources = [...sabotagedSources(variantNamed(name))]
  const sourceOf = new Map(
    sources.flatMap(([file, source]) => [
      [urlOf(file), source],
      [urlOf(compiledFile(file)), source],
    ]),
  )
  const compiled = new Set(sources.map(([file]) => urlOf(compiledFile(file))))
  registerHooks({
    // A source in the place of a compiled file names its neighbours as sources do.
    resolve: (specifier, context, next) =>
      compiled.has(context.parentURL ?? '') && specifier.startsWith('.')
        ? next(specifier.replace(/\.ts$/, '.js'), context)
        : next(specifier, context),
    load: (url, context, next) => {
      const source = sourceOf.get(url)
      if (source === undefined) return next(url, context)
      return { format: 'module-typescript', source, shortCircuit: true }
    },
  })
}
