/**
 * Goal: the demo keeps its promise on any tree, and says so only when it did. Method: a small tree
 * of everything that is awkward, stored by a process without privileges, so that a file can be
 * unreadable; then a look at what is left behind.
 */
import { execFileSync, spawn } from 'node:child_process'
import {
  chmod,
  chown,
  link,
  mkdir,
  mkdtemp,
  readdir,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'

const LAUNCHER = resolve(import.meta.dirname, '../../deploy/local/dist/main.js')
const BLOCK = 4 * 1024 * 1024
/** Debian's nobody. */
const NOBODY = 65_534

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kura-demo-test-'))
  await mkdir(join(folder, 'data'))
  await makeTree(join(folder, 'tree'))
})

afterEach(() => rm(folder, { recursive: true }))

/** 4 MiB and a byte either way, names of all kinds, links of both kinds, what nobody may read. */
async function makeTree(tree: string): Promise<void> {
  await mkdir(join(tree, 'dir with spaces/ünïcode ☃'), { recursive: true })
  await mkdir(join(tree, 'empty directory'))
  await writeFile(join(tree, 'empty'), '')
  for (const sizeBytes of [1, 3840, 3841, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK]) {
    await writeFile(join(tree, `dir with spaces/${sizeBytes}`), randomBytes(sizeBytes))
  }
  const same = randomBytes(100_000)
  for (const name of ['first', 'second']) await writeFile(join(tree, `duplicate ${name}`), same)
  await writeFile(join(tree, 'dir with spaces/ünïcode ☃/file'), 'snow')
  const odd = Buffer.concat([Buffer.from(`${tree}/`), Buffer.from([0xff, 0xfe, 0x2d])])
  await writeFile(odd, 'a name that is not UTF-8')
  await symlink('empty', join(tree, 'link'))
  await symlink('nowhere', join(tree, 'dangling link'))
  await symlink('dir with spaces', join(tree, 'link to a directory'))
  await link(join(tree, 'empty'), join(tree, 'hard link'))
  await chmod(join(tree, 'duplicate first'), 0o640)
  await utimes(join(tree, 'duplicate second'), 1_000_000_000, 1_234_567_890.123)
  await writeFile(join(tree, 'secret'), 'not for everyone')
  await chmod(join(tree, 'secret'), 0o000)
  execFileSync('mkfifo', [join(tree, 'pipe')])
}

async function runDemo(args: readonly string[]): Promise<{ code: number | null; text: string }> {
  const isRoot = process.getuid?.() === 0
  if (isRoot) {
    execFileSync('chown', ['-hR', `${NOBODY}:${NOBODY}`, folder])
    await chown(join(folder, 'tree/secret'), 0, 0)
  }
  const environment = { ...process.env, HOME: folder }
  const options = isRoot ? { uid: NOBODY, gid: NOBODY } : {}
  const child = spawn(process.execPath, [LAUNCHER, ...args], { env: environment, ...options })
  const pieces: Buffer[] = []
  child.stdout.on('data', (piece: Buffer) => pieces.push(piece))
  child.stderr.on('data', (piece: Buffer) => pieces.push(piece))
  const code = await new Promise<number | null>((done) => child.once('close', done))
  return { code, text: Buffer.concat(pieces).toString('utf8') }
}

test('an awkward tree is stored under fire and comes back, twice, as it was', async () => {
  const { code, text } = await runDemo([
    ...['--demo', join(folder, 'tree')],
    ...['--data', join(folder, 'data'), '--bucket-size', '32MiB'],
  ])
  const summary = text.trimEnd().split('\n').at(-1) ?? ''
  expect(summary, text).toMatch(/demo: 13 files, \d+ blocks, \d+ bytes, acknowledged while killed/)
  expect(summary).toMatch(/put [\d.]+ MiB\/s, get [\d.]+ MiB\/s, unreadable 1, lost 0, wrong 0$/)
  expect(text).toMatch(/SIGKILL to storage-node-1-\d and volume-manager-1-1/)
  expect(text).toContain('tree/secret (unreadable EACCES)')
  expect(text).toContain('tree/pipe (special')
  expect(code).toBe(0)
  expect(await readdir(join(folder, 'data'))).toEqual([])
})

test('a path that is no directory is refused in one line', async () => {
  const { code, text } = await runDemo(['--demo', join(folder, 'tree/empty')])
  expect(code).toBe(1)
  expect(text.trimEnd().split('\n')).toHaveLength(1)
  expect(text).toContain('is not a directory')
})
