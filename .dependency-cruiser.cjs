/**
 * Imports point down, never up, never sideways between services. MAY_IMPORT is the whole rule: a
 * workspace package may import what its row lists, by name, and itself; what has no row may import
 * nothing. Each wide third-party library has one owner.
 */
const SERVICE = [
  'core',
  'proto',
  'runtime',
  'rpc',
  'transport',
  'coordination',
  'placement',
  'database',
]

const MAY_IMPORT = {
  'packages/core': [],
  proto: [],
  'packages/placement': ['core'],
  'packages/extent': ['core'],
  // Written from FORMAT.md alone: neither of the two may borrow from the other.
  'packages/extent-check': ['core'],
  'packages/database': ['core'],
  'packages/coordination': ['core'],
  'packages/runtime': ['core'],
  'packages/testkit': ['core'],
  'packages/transport': ['core', 'proto'],
  'packages/rpc': ['core', 'proto'],
  'packages/client': ['core', 'proto', 'rpc', 'transport'],
  'packages/cli': ['core', 'proto', 'client', 'runtime', 'extent-check'],
  'services/block-index': SERVICE,
  'services/zone-master': SERVICE,
  'services/volume-manager': SERVICE,
  'services/frontend': SERVICE,
  'services/storage-node': [...SERVICE, 'extent'],
  'deploy/local': ['*'],
  bench: ['*'],
  test: ['*'],
}

/** The packages that may import a library; everyone may import what is not listed. */
const OWNERS = {
  '@grpc/grpc-js': ['packages/rpc'],
  'better-sqlite3': ['packages/database'],
  'fs-ext': ['packages/extent', 'packages/coordination', 'deploy/local'],
  pino: ['packages/runtime'],
  'prom-client': ['packages/runtime'],
  'smol-toml': ['packages/runtime'],
  zod: ['packages/runtime'],
}

/** Where a package lives, by its name without `@kura/`. */
const folderOf = Object.fromEntries(
  Object.keys(MAY_IMPORT).map((folder) => [folder.split('/').at(-1), folder]),
)

/** Tests, and what they share, may also use the test kit and what their package would not. */
const TEST_FILES = '\\.(test|bench)\\.ts$|/src/testing/'

const layers = Object.entries(MAY_IMPORT)
  .filter(([, allowed]) => !allowed.includes('*'))
  .map(([folder, allowed]) => ({
    name: `layer-${folder.replace('/', '-')}`,
    comment: `${folder} may import: ${allowed.join(', ') || 'nothing of this workspace'}`,
    severity: 'error',
    from: { path: `^${folder}/`, pathNot: TEST_FILES },
    to: {
      path: '^(packages|services|proto|deploy|bench|test)/',
      pathNot: [folder, ...allowed.map((name) => folderOf[name])].map((path) => `^${path}/`),
    },
  }))

const owners = Object.entries(OWNERS).map(([library, folders]) => ({
  name: `owner-${library}`,
  comment: `${library} is wrapped by ${folders.join(' and ')}`,
  severity: 'error',
  from: { pathNot: [...folders.map((folder) => `^${folder}/`), TEST_FILES, '^test/', '^bench/'] },
  to: { path: `node_modules/${library}/` },
}))

module.exports = {
  forbidden: [
    ...layers,
    ...owners,
    {
      name: 'no-row',
      comment: 'A workspace package without a row in MAY_IMPORT',
      severity: 'error',
      from: {
        path: '^(packages|services|proto|bench|test|deploy/local)/',
        pathNot: Object.keys(MAY_IMPORT).map((folder) => `^${folder}/`),
      },
      to: {},
    },
    {
      name: 'by-name-only',
      comment: 'A package is imported by its name, through its index.ts',
      severity: 'error',
      from: { path: '^(packages|services|deploy|bench|test)/([^/]+)/' },
      to: {
        path: '^(packages|services)/([^/]+)/',
        pathNot: ['^$1/$2/', '^(packages|services)/[^/]+/src/index\\.ts$'],
      },
    },
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one file or three',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-services-sideways',
      comment: 'Services meet over the wire',
      severity: 'error',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^services/', pathNot: '^services/$1/' },
    },
    {
      name: 'not-resolved',
      comment: 'An import that leads nowhere',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'test-code-in-production',
      comment: 'The test kit is for tests',
      severity: 'error',
      from: { path: '^(packages|services)/', pathNot: [TEST_FILES, '^packages/testkit/'] },
      to: { path: ['^packages/testkit/', '\\.test\\.ts$'] },
    },
  ],
  options: {
    exclude: { path: ['/dist/', '^\\.toolchain/'] },
    doNotFollow: { path: ['node_modules', '^proto/gen/'] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.test.json' },
    enhancedResolveOptions: {
      conditionNames: ['source', 'import', 'require', 'node', 'default'],
      exportsFields: ['exports'],
      extensions: ['.ts', '.js', '.mjs', '.json'],
    },
  },
}
