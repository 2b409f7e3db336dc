/**
 * Dependencies and build, each done again only when what it depends on changed. A stamp is removed
 * before its step and written after it, so an interrupted set-up starts that step again.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

import { root, toolchainFolder, workspaceFolders } from './layout.mjs'
import { runStep } from './step.mjs'
import {
  describeToolchain,
  installToolchain,
  isToolchainWhole,
  toolchainPins,
} from './toolchain.mjs'

/** Brings tool chain, dependencies and build up to date; returns the tool chain to run with. */
export function setUp() {
  if (!isStampCurrent('toolchain', toolchainPins()) || !isToolchainWhole()) {
    restamp('toolchain', () => {
      installToolchain()
      return toolchainPins()
    })
  }
  const toolchain = describeToolchain()
  if (!isInstalled()) restamp('dependencies', () => installDependencies(toolchain))
  linkKura()
  if (!isBuilt()) restamp('build', () => build(toolchain))
  return toolchain
}

/** Whether tool chain and dependencies are in place for the Node at hand. */
export function isInstalled() {
  return (
    isStampCurrent('toolchain', toolchainPins()) &&
    isToolchainWhole() &&
    isStampCurrent('dependencies', dependencyState()) &&
    existsSync(join(root, 'node_modules/.modules.yaml')) &&
    workspaceFolders().every((folder) => hasModules(folder))
  )
}

function hasModules(folder) {
  const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
  const wanted = { ...manifest.dependencies, ...manifest.devDependencies }
  return Object.keys(wanted).length === 0 || existsSync(join(root, folder, 'node_modules'))
}

function installDependencies({ node, pnpm, env }) {
  const settings = { ...env, npm_config_confirm_modules_purge: 'false' }
  const options = { cwd: root, env: settings }
  runStep(
    'installing dependencies',
    node,
    [pnpm, 'install', '--frozen-lockfile', '--reporter=append-only'],
    options,
  )
  // fs-ext is compiled for one Node; what another Node left here does not load.
  const loaded = spawnSync(node, ['-e', "require('fs-ext')"], {
    cwd: join(root, 'packages/coordination'),
    stdio: 'ignore',
  })
  if (loaded.status !== 0) {
    runStep('compiling fs-ext', node, [pnpm, '-r', 'rebuild', 'fs-ext'], options)
  }
  return dependencyState()
}

function dependencyState() {
  const files = ['pnpm-lock.yaml', 'pnpm-workspace.yaml']
  for (const folder of workspaceFolders()) files.push(join(folder, 'package.json'))
  const hash = createHash('sha256')
  for (const file of files) hash.update(file).update(readFileSync(join(root, file)))
  return `${hash.digest('hex')} ${toolchainPins()}`
}

/** `npx --no kura` looks into `node_modules/.bin`. */
function linkKura() {
  const link = join(root, 'node_modules/.bin/kura')
  if (existsSync(link)) return
  mkdirSync(join(root, 'node_modules/.bin'), { recursive: true })
  rmSync(link, { force: true })
  symlinkSync('../../deploy/setup/kura.mjs', link)
}

function build({ node, env }) {
  const before = sourceState()
  runStep('building', node, [join(root, 'node_modules/typescript/bin/tsc'), '-b'], {
    cwd: root,
    env,
  })
  return before
}

function isBuilt() {
  const folders = workspaceFolders().filter((folder) => folder !== '.')
  const isEachBuilt = folders
    .filter((folder) => existsSync(join(root, folder, 'tsconfig.json')))
    .every((folder) => existsSync(join(root, folder, 'dist/.tsbuildinfo')))
  return isEachBuilt && isStampCurrent('build', sourceState())
}

/** Path, size and time of everything the compiler reads. */
function sourceState() {
  const hash = createHash('sha256').update(dependencyState())
  for (const file of ['tsconfig.json', 'tsconfig.base.json']) addFile(hash, file)
  for (const folder of workspaceFolders()) {
    if (folder === '.') continue
    addFile(hash, join(folder, 'tsconfig.json'))
    addFolder(hash, join(folder, folder === 'proto' ? 'gen' : 'src'))
  }
  return hash.digest('hex')
}

function addFolder(hash, folder) {
  if (!existsSync(join(root, folder))) return
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) addFolder(hash, path)
    else addFile(hash, path)
  }
}

function addFile(hash, path) {
  if (!existsSync(join(root, path))) return
  const { size, mtimeMs } = statSync(join(root, path))
  hash.update(`${path}\n${size}\n${mtimeMs}\n`)
}

function stampPath(name) {
  return join(toolchainFolder, `${name}.stamp`)
}

function isStampCurrent(name, state) {
  return existsSync(stampPath(name)) && readFileSync(stampPath(name), 'utf8') === state
}

function restamp(name, step) {
  rmSync(stampPath(name), { force: true })
  const state = step()
  writeFileSync(`${stampPath(name)}.new`, state)
  renameSync(`${stampPath(name)}.new`, stampPath(name))
}
