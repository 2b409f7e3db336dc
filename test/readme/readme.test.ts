/**
 * Runs the README's command blocks as a reader would, against a zone started as it says, and
 * compares what they print. Only the data folder and the ports are other ones, so that the test
 * does not meet a zone that runs already. `…` stands for any text, a line of it for any lines.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { LocalZone } from '@kura/local'
import { afterAll, beforeAll, expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '../..')
const PORT_BASE = 27_420
const README_HTTP = '127.0.0.1:7420'
const MARK = '@@ next command @@'

interface Step {
  readonly command: string
  readonly expected: readonly string[]
}

/** The steps of each ```console block. */
function readBlocks(readme: string): readonly (readonly Step[])[] {
  return [...readme.matchAll(/^```console\n([\s\S]*?)^```/gm)].map((block) => {
    const steps: { command: string; expected: string[] }[] = []
    for (const line of (block[1] ?? '').trimEnd().split('\n')) {
      if (line.startsWith('$ ')) steps.push({ command: line.slice(2), expected: [] })
      else steps.at(-1)?.expected.push(line)
    }
    return steps
  })
}

/** A pattern for everything that a step prints. */
function patternOf(expected: readonly string[]): RegExp {
  const lines = expected.map((line) => {
    if (line === '…') return '(?:.*\n)*?'
    return `${line.split('…').map(escape).join('.*')}\n`
  })
  return new RegExp(`^${lines.join('')}$`)
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
}

let folder: string
let blocks: readonly (readonly Step[])[]
let launcher: ChildProcess
let printed = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kura-readme-'))
  blocks = readBlocks(await readFile(join(root, 'README.md'), 'utf8'))
  const start = blocks[0]?.[0]
  expect(start?.command).toBe('npm start')
  const options = ['--data', folder, '--port-base', `${PORT_BASE}`, '--bucket-size', '16MiB']
  launcher = spawn('bash', ['-c', `exec npm start -- ${options.join(' ')}`], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    // A group of its own, as a terminal gives it: Ctrl-C reaches npm and everything it runs.
    detached: true,
  })
  launcher.stdout?.on('data', (piece: Buffer) => (printed += piece.toString('utf8')))
  while (!printed.includes('try:')) {
    if (launcher.exitCode !== null) throw new Error(`npm start ended:\n${printed}`)
    await sleep(100)
  }
})

afterAll(async () => {
  await stopLauncher()
  await rm(folder, { recursive: true })
})

async function stopLauncher(): Promise<void> {
  const hasEnded = (): boolean => launcher.exitCode !== null || launcher.signalCode !== null
  if (hasEnded() || launcher.pid === undefined) return
  process.kill(-launcher.pid, 'SIGINT')
  while (!hasEnded()) await sleep(50)
}

/** What each command prints, run one after the other in one shell. */
async function runInShell(steps: readonly Step[]): Promise<readonly string[]> {
  const here = `127.0.0.1:${PORT_BASE}`
  const script = steps
    .map(({ command }) => `${command.replaceAll(README_HTTP, here)}\necho; echo '${MARK}'`)
    .join('\n')
  const shell = spawn('bash', ['-c', `set -e\n${script}`], {
    cwd: root,
    env: {
      ...process.env,
      KURA_SERVER: `127.0.0.1:${PORT_BASE + 1}`,
      KURA_MASTER: `127.0.0.1:${PORT_BASE + 2}`,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const pieces: Buffer[] = []
  for await (const piece of shell.stdout) pieces.push(piece)
  return Buffer.concat(pieces).toString('utf8').split(`${MARK}\n`).slice(0, -1)
}

test('npm start prints the ready line that the README shows', () => {
  const expected = blocks[0]?.[0]?.expected ?? []
  const shown = printed
    .replaceAll(`127.0.0.1:${PORT_BASE}`, README_HTTP)
    .replaceAll(`127.0.0.1:${PORT_BASE + 1}`, '127.0.0.1:7421')
    .replaceAll(`127.0.0.1:${PORT_BASE + 2}`, '127.0.0.1:7422')
    .replaceAll(`127.0.0.1:${PORT_BASE + 3}`, '127.0.0.1:7423')
  expect(shown).toMatch(patternOf(expected))
})

test('every other command prints what the README shows', async () => {
  expect(blocks.length).toBeGreaterThan(2)
  for (const steps of blocks.slice(1)) {
    const outputs = await runInShell(steps)
    for (const [index, step] of steps.entries()) {
      const output = (outputs[index] ?? 'the command failed').replace(/\n+$/, '')
      const text = output === '' ? '' : `${output}\n`
      expect(text, step.command).toMatch(patternOf(step.expected))
    }
  }
})

test('a second start on the same data is refused, and Ctrl-C ends everything in time', async () => {
  const second = LocalZone.start({ dataDir: folder, portBase: 0 })
  await expect(second).rejects.toMatchObject({ code: 'locked' })
  const startedAtMs = performance.now()
  await stopLauncher()
  expect(performance.now() - startedAtMs).toBeLessThan(10_000)
  expect(launcher.exitCode).toBe(0)
  expect(printed).toContain('stopped; the data stays')
})
