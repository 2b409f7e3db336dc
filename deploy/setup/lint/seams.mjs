/**
 * The seams as lint rules: time, chance, settings, files, network and processes reach the code
 * through ports made at the composition root. One rule per seam; `eslint.config.js` lists who owns
 * each, and only the owners may touch what the rule names.
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

const TIMERS = ['setTimeout', 'setInterval', 'setImmediate']

export const seams = {
  time: {
    port: 'Clock',
    globals: {
      Date: readsClock,
      performance: always,
      AbortSignal: exceptMembers((name) => name !== 'timeout'),
      process: exceptMembers((name) => name !== 'hrtime'),
      ...Object.fromEntries(TIMERS.map((name) => [name, always])),
    },
    modules: { timers: always, 'timers/promises': always, perf_hooks: always },
  },
  chance: {
    port: 'Random',
    globals: { Math: exceptMembers((name) => name !== 'random'), crypto: always },
    modules: {
      crypto: (names) =>
        names.some((name) => /^(random|getRandom|webcrypto|generate|default|\*)/.test(name)),
    },
  },
  settings: {
    port: 'config.ts',
    globals: { process: exceptMembers((name) => name !== 'env' && name !== 'loadEnvFile') },
    modules: { process: always },
  },
  files: {
    port: 'Disk',
    globals: {},
    modules: { fs: always, 'fs/promises': always, 'fs-ext': always },
  },
  network: {
    port: 'the transports',
    globals: { fetch: always, WebSocket: always },
    modules: Object.fromEntries(
      ['net', 'tls', 'dgram', 'dns', 'dns/promises', 'http', 'https', 'http2'].map((name) => [
        name,
        always,
      ]),
    ),
  },
  processes: {
    port: 'the launcher',
    globals: {},
    modules: { child_process: always, cluster: always, worker_threads: always },
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
          const names = node.specifiers.map((specifier) => specifier.local.name)
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
  return specifier.importKind === 'type' ? [] : [specifier.imported.name]
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
