/**
 * The seams as lint rules: time, chance, settings, files, network, processes and marks reach the
 * code through ports made at the composition root. One rule per seam; `eslint.config.js` lists who
 * owns each, and only the owners may touch what the rule names.
 */

/** Any use of the global. */
const always = () => true

/** Uses of a global, except as the object of a member that `isAllowed` accepts. */
function exceptMembers(isAllowed) {
  return (identifier) => {
    const { parent } = identifier
    if (parent.type !== 'MemberExpression' || parent.object !== identifier) return true
    return parent.computed || !isAllowed(parent.property.name)
  }
}

/** `Date` reads the clock unless it is given a time. */
function readsClock(identifier) {
  const { parent } = identifier
  if (parent.type === 'NewExpression' && parent.callee === identifier) {
    return parent.arguments.length === 0
  }
  if (parent.type === 'BinaryExpression' && parent.operator === 'instanceof') return false
  return exceptMembers((name) => name === 'UTC' || name === 'parse')(identifier)
}

/** Uses of a global's members of these names, and of the global by itself. */
const members = (...names) => exceptMembers((name) => !names.includes(name))

/** Imports that take one of these names, or all of them. */
const taking = (pattern) => (names) =>
  names.some((name) => name === 'default' || name === '*' || pattern.test(name))

const TIMERS = ['setTimeout', 'setInterval', 'setImmediate']

/** What Node's own HTTP and TLS are made of. */
const INNER_NETWORK = [
  ...['agent', 'client', 'common', 'incoming', 'outgoing', 'server'].map((part) => `_http_${part}`),
  ...['common', 'wrap'].map((part) => `_tls_${part}`),
]

export const seams = {
  time: {
    port: 'Clock',
    globals: {
      Date: readsClock,
      Temporal: always,
      performance: always,
      AbortSignal: members('timeout'),
      Atomics: members('wait', 'waitAsync'),
      // Formats the time it is, where it is given none.
      Intl: members('DateTimeFormat'),
      process: members('hrtime', 'uptime'),
      ...Object.fromEntries(TIMERS.map((name) => [name, always])),
    },
    modules: {
      timers: always,
      'timers/promises': always,
      perf_hooks: always,
      os: taking(/^uptime$/),
    },
  },
  chance: {
    port: 'Random',
    globals: { Math: members('random'), crypto: always },
    modules: {
      crypto: taking(/^(random|getRandom|webcrypto|generate|createECDH|createDiffieHellman)/),
    },
  },
  settings: {
    port: 'config.ts',
    globals: { process: members('env', 'loadEnvFile') },
    modules: { process: always },
  },
  files: {
    port: 'Disk',
    globals: {},
    modules: { fs: always, 'fs/promises': always, 'fs-ext': always, sqlite: always, wasi: always },
  },
  network: {
    port: 'the transports',
    globals: { fetch: always, WebSocket: always, EventSource: always },
    modules: Object.fromEntries(
      [
        ...['net', 'tls', 'dgram', 'dns', 'dns/promises', 'http', 'https', 'http2', 'inspector'],
        ...['inspector/promises', ...INNER_NETWORK],
      ].map((name) => [name, always]),
    ),
  },
  processes: {
    port: 'the launcher',
    globals: {},
    modules: { child_process: always, cluster: always, worker_threads: always },
  },
  marks: {
    port: 'mark()',
    globals: {},
    modules: { diagnostics_channel: always },
  },
  /** Ways to a module that the other rules do not see: nobody owns them. */
  modules: {
    port: 'an import of its name',
    globals: {
      process: members('getBuiltinModule', 'binding', 'dlopen', 'mainModule'),
      eval: always,
      Function: exceptMembers(() => true),
    },
    modules: { module: always, vm: always },
    isHidden: true,
  },
}

function createRule(seamName, seam) {
  const where = 'its owners are listed in eslint.config.js'
  const message = `${seamName}: {{what}} belongs behind ${seam.port}; ${where}`
  return {
    meta: { type: 'problem', schema: [], messages: { seam: message } },
    create(context) {
      const report = (node, what) => context.report({ node, messageId: 'seam', data: { what } })
      const checkModule = (node, source, names) => {
        const what = String(source?.value ?? '')
        if (seam.isHidden === true && source !== null && source?.type !== 'Literal') {
          report(node, 'a module whose name is not written out')
        }
        const isForbidden = seam.modules[what.replace(/^node:/, '')]
        if (isForbidden?.(names) === true) report(node, what)
      }
      return {
        ImportDeclaration(node) {
          if (node.importKind === 'type') return
          checkModule(node, node.source, node.specifiers.flatMap(importedName))
        },
        ImportExpression: (node) => checkModule(node, node.source, ['*']),
        ExportNamedDeclaration(node) {
          const names = node.specifiers.map((specifier) => nameOf(specifier.local))
          if (node.exportKind !== 'type') checkModule(node, node.source, names)
        },
        ExportAllDeclaration: (node) => checkModule(node, node.source, ['*']),
        'Program:exit'() {
          for (const identifier of globalReferences(context.sourceCode.scopeManager.globalScope)) {
            if (!Object.hasOwn(seam.globals, identifier.name)) continue
            if (seam.globals[identifier.name](identifier)) report(identifier, identifier.name)
          }
        },
      }
    },
  }
}

function importedName(specifier) {
  if (specifier.type === 'ImportDefaultSpecifier') return ['default']
  if (specifier.type === 'ImportNamespaceSpecifier') return ['*']
  return specifier.importKind === 'type' ? [] : [nameOf(specifier.imported)]
}

/** A name may be written as a string, too. */
function nameOf(identifier) {
  return identifier.name ?? identifier.value
}

/** Every use, as a value, of a name that nothing in the file declares. */
function globalReferences(scope) {
  const declaredElsewhere = scope.variables.filter((variable) => variable.defs.length === 0)
  const references = [
    ...scope.through,
    ...declaredElsewhere.flatMap((variable) => variable.references),
  ]
  const identifiers = references
    .filter((reference) => reference.isValueReference !== false)
    .map((reference) => reference.identifier)
  return new Set(identifiers)
}

export const seamRules = {
  meta: { name: 'kura-seams' },
  rules: Object.fromEntries(
    Object.entries(seams).map(([name, seam]) => [name, createRule(name, seam)]),
  ),
}
