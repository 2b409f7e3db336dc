/**
 * Makes the tarball that applications install with npm alone: the parts of this repository that
 * the client is made of in one JavaScript file, their declarations beside it, and nothing that only
 * this workspace can resolve. The same sources give the same tarball, byte for byte.
 *
 *   node packages/client/build-package.mjs [folder for the tarball]
 *
 * REQUIRES: `tsc -b` ran before; the declarations are its output.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = dirname(fileURLToPath(import.meta.url))
const repository = resolve(here, '../..')
const staging = join(here, 'dist/package')
const target = resolve(process.argv[2] ?? join(here, 'dist'))

/** What the bundle leaves to npm. */
const EXTERNAL = ['@bufbuild/protobuf', '@grpc/grpc-js']
const NODE_ENGINE = '>=22.15'

/** Where the declarations of a package start. */
const DECLARATIONS = {
  '@kura/client': 'packages/client/dist/index.d.ts',
  '@kura/core': 'packages/core/dist/index.d.ts',
  '@kura/proto': 'proto/index.d.ts',
  '@kura/rpc': 'packages/rpc/dist/index.d.ts',
  '@kura/transport': 'packages/transport/dist/index.d.ts',
}

async function main() {
  rmSync(staging, { recursive: true, force: true })
  mkdirSync(staging, { recursive: true })
  await bundle()
  collectDeclarations()
  for (const name of ['README.md', 'examples']) {
    cpSync(join(here, name), join(staging, name), { recursive: true })
  }
  writeFileSync(join(staging, 'package.json'), `${JSON.stringify(manifest(), null, 2)}\n`)
  mkdirSync(target, { recursive: true })
  // npm gives every file in a tarball the same time and owner.
  const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', target], {
    cwd: staging,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  console.log(join(target, JSON.parse(packed)[0].filename))
}

async function bundle() {
  await build({
    entryPoints: [join(here, 'dist/index.js')],
    outfile: join(staging, 'index.js'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node22.15',
    external: EXTERNAL.flatMap((name) => [name, `${name}/*`]),
    legalComments: 'none',
    logLevel: 'warning',
  })
}

/** Copies every declaration that the client's own ones lead to, with relative imports. */
function collectDeclarations() {
  const waiting = [join(repository, DECLARATIONS['@kura/client'])]
  const seen = new Set()
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (seen.has(file)) continue
    seen.add(file)
    const text = readFileSync(file, 'utf8').replace(/^\/\/# sourceMappingURL=.*$/m, '')
    const placed = placeOf(file)
    const rewritten = text.replaceAll(
      /(\bfrom |\bimport\()(['"])([^'"]+)\2/g,
      (all, before, quote, name) => {
        const imported = declarationOf(name, file)
        if (imported === undefined) return all
        waiting.push(imported)
        const path = relative(dirname(placed), placeOf(imported)).replace(/\.d\.ts$/, '.js')
        return `${before}${quote}${path.startsWith('.') ? path : `./${path}`}${quote}`
      },
    )
    mkdirSync(dirname(placed), { recursive: true })
    // The declarations speak of Buffer and AbortSignal, which a compiler does not assume.
    const isFirst = seen.size === 1
    writeFileSync(placed, isFirst ? `/// <reference types="node" />\n${rewritten}` : rewritten)
  }
}

/** The file behind an import; undefined for what npm resolves. */
function declarationOf(name, importer) {
  if (name in DECLARATIONS) return join(repository, DECLARATIONS[name])
  if (!name.startsWith('.')) return undefined
  return resolve(dirname(importer), name.replace(/\.[jt]s$/, '.d.ts'))
}

/** `types/<package>/…` in the tarball. */
function placeOf(file) {
  const path = relative(repository, file)
    .replace(/^packages\//, '')
    .replace('/dist/', '/')
  return join(staging, 'types', path)
}

function manifest() {
  const { name, version, description } = readJson(join(here, 'package.json'))
  const dependencies = {}
  for (const external of [...EXTERNAL, '@types/node']) {
    dependencies[external] = catalogVersion(external)
  }
  return {
    name,
    version,
    description,
    type: 'module',
    engines: { node: NODE_ENGINE },
    exports: { '.': { types: './types/client/index.d.ts', default: './index.js' } },
    files: ['index.js', 'types', 'examples'],
    dependencies,
  }
}

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'))
}

/** The version that the workspace pins. */
function catalogVersion(name) {
  const workspace = readFileSync(join(repository, 'pnpm-workspace.yaml'), 'utf8')
  const line = workspace
    .split('\n')
    .find((each) => each.trim().replaceAll("'", '').startsWith(`${name}:`))
  if (line === undefined) throw new Error(`${name} is not in the catalog`)
  return line.slice(line.lastIndexOf(':') + 1).trim()
}

await main()
