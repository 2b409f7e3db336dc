/**
 * Lint: what the compiler and prettier cannot see. The first half is the usual type-aware rules,
 * the second the seams: who may touch time, chance, settings, files, network and processes.
 */
import js from '@eslint/js'
import importX from 'eslint-plugin-import-x'
import n from 'eslint-plugin-n'
import tseslint from 'typescript-eslint'

import { seamRules, seams } from './deploy/setup/lint/seams.mjs'

const PRODUCTION = ['packages/*/src/**/*.ts', 'services/*/src/**/*.ts']
const TESTS = [
  '**/*.test.ts',
  '**/*.bench.ts',
  '**/src/testing/**/*.ts',
  'packages/testkit/src/**/*.ts',
]

/** Who may touch what; everyone else is given a port. Tests use real files and sockets. */
const SEAM_OWNERS = {
  // The client ships alone, without runtime, and brings its own.
  time: [
    'packages/runtime/src/system-clock.ts',
    'packages/runtime/src/stop-deadline.ts',
    'packages/client/src/system.ts',
    // grpc-js sets its deadlines by the machine's clock.
    'packages/rpc/src/machine-time.ts',
  ],
  chance: ['packages/runtime/src/system-random.ts', 'packages/client/src/system.ts'],
  settings: ['packages/cli/src/config.ts', 'packages/runtime/src/program.ts'],
  files: [
    'packages/extent/src/node-disk.ts',
    'packages/extent/src/node-file.ts',
    'packages/database/src/**',
    'packages/coordination/src/**',
    'packages/client/src/**',
    'packages/cli/src/**',
    // Read once, at the start, before there is anything to hold up.
    'packages/runtime/src/settings-file.ts',
    'services/frontend/src/maps/map-file.ts',
  ],
  network: [
    'packages/transport/src/**',
    'packages/rpc/src/**',
    'packages/runtime/src/address.ts',
    'packages/runtime/src/admin-server.ts',
    'packages/cli/src/prove/launcher-door.ts',
    'packages/cli/src/top/read-page.ts',
    'services/frontend/src/grpc/**',
    'services/frontend/src/http/**',
  ],
  processes: [
    'packages/extent/src/node-disk.ts',
    'packages/database/src/read-from-medium.ts',
    'packages/cli/src/service-programs.ts',
    // A thread of its own: what it ends are event loops that run nothing any more.
    'packages/runtime/src/stop-deadline.ts',
  ],
  marks: ['packages/core/src/marks.ts'],
  // The collector of garbage is found in a context of its own.
  modules: ['packages/runtime/src/heap-trimmer.ts'],
}

/** A message is for people; code decides on `code`. */
const MESSAGE_DECISIONS = [
  {
    selector: 'BinaryExpression[operator=/^[=!]==?$/] > MemberExpression[property.name="message"]',
    message: 'Decide on the code of an error, never on its message.',
  },
  {
    selector:
      'CallExpression[callee.property.name=/^(includes|startsWith|endsWith|match|search)$/]' +
      '[callee.object.property.name="message"]',
    message: 'Decide on the code of an error, never on its message.',
  },
]

/** Why, is said in the file that may. */
const FORCED_ENDS = [
  {
    selector:
      'CallExpression[callee.property.name=/^(close|destroy)$/] MemberExpression' +
      '[object.name="constants"][property.name=/^NGHTTP2_(?!NO_ERROR)/]',
    message: 'Let GrpcConnection.cut reset a stream.',
  },
  {
    selector:
      'CallExpression[callee.property.name="destroy"][callee.object.name=/^(session|stream)$/]',
    message: 'Let GrpcConnection cut a stream or drop a connection.',
  },
]

const EXPORT_ALL = {
  selector: 'ExportAllDeclaration',
  message: 'index.ts is a table of contents: name what it exports.',
}

export default tseslint.config(
  { ignores: ['**/dist/', '**/node_modules/', '.toolchain/', '.kura/', 'proto/'] },
  {
    files: ['**/*.js', '**/*.cjs', '**/*.mjs'],
    extends: [js.configs.recommended],
    plugins: { n },
    languageOptions: {
      globals: {
        console: 'readonly',
        module: 'writable',
        process: 'readonly',
        setInterval: 'readonly',
        setTimeout: 'readonly',
      },
    },
    rules: { 'n/prefer-node-protocol': 'error' },
  },
  {
    files: ['**/*.ts'],
    extends: [js.configs.recommended, tseslint.configs.base],
    plugins: { 'import-x': importX, n },
    languageOptions: {
      parserOptions: { project: './tsconfig.test.json', tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      // The compiler knows these better.
      'no-undef': 'off',
      'no-unused-vars': 'off',
      'no-redeclare': 'off',
      'no-dupe-class-members': 'off',
      '@typescript-eslint/ban-ts-comment': 'error',
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false },
      ],
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-unnecessary-type-assertion': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      'import-x/no-default-export': 'error',
      'n/prefer-node-protocol': 'error',
      'no-console': 'error',
      'no-restricted-globals': ['error', 'globalThis', 'global', 'require'],
      'no-restricted-syntax': ['error', EXPORT_ALL, ...MESSAGE_DECISIONS],
      'no-warning-comments': ['error', { terms: ['fixme', 'xxx', 'hack'], location: 'start' }],
    },
  },
  {
    files: [...TESTS, 'test/**/*.ts'],
    rules: { 'no-restricted-syntax': ['error', EXPORT_ALL], 'no-restricted-globals': 'off' },
  },
  {
    files: ['services/frontend/src/grpc/**/*.ts'],
    ignores: [...TESTS, 'services/frontend/src/grpc/grpc-connection.ts'],
    rules: {
      'no-restricted-syntax': ['error', EXPORT_ALL, ...MESSAGE_DECISIONS, ...FORCED_ENDS],
    },
  },
  {
    files: ['vitest.config.ts', 'test/sabotage/{vitest.config,outcome-reporter}.ts'],
    rules: { 'import-x/no-default-export': 'off' },
  },
  ...Object.keys(seams).map((name) => ({
    files: PRODUCTION,
    ignores: [...TESTS, ...SEAM_OWNERS[name]],
    plugins: { seams: seamRules },
    rules: { [`seams/${name}`]: 'error' },
  })),
)
