import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  readLocalProcesses,
  resumeStopped,
  signalListed,
  type ListedProcess,
} from './local-processes.ts'

let folder: string
let child: ChildProcess
let victim: ListedProcess

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kura-processes-'))
  child = spawn('sleep', ['600'])
  const { pid } = child
  if (pid === undefined) throw new Error('sleep has not started')
  const startedAtTicks = await startOf(pid)
  victim = { pid, startedAtTicks, name: 'sleeper-1', kind: 'sleeper', adminAddress: '[::1]:1' }
})

afterEach(async () => {
  child.kill('SIGKILL')
  await rm(folder, { recursive: true })
})

async function startOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8')
  return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[19])
}

async function list(services: readonly ListedProcess[], changes: object = {}): Promise<void> {
  const bootId = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  // Somebody who lives for as long as the test.
  const launcher = { pid: process.ppid, startedAtTicks: await startOf(process.ppid) }
  const text = JSON.stringify({ bootId, launcher, zoneMaster: '[::1]:2', services, ...changes })
  await writeFile(join(folder, 'processes.json'), text)
}

function hasEnded(): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

it('a listed process gets the signal', async () => {
  await list([victim])
  expect(await readLocalProcesses(folder)).toMatchObject({ services: [victim] })
  expect(await signalListed(folder, victim, 'SIGKILL')).toBe(true)
  await expect.poll(hasEnded).toBe(true)
  expect(await signalListed(folder, victim, 'SIGKILL')).toBe(false)
})

it('a stopped process goes on, also when its launcher and the list are gone', async () => {
  const { pid } = victim
  const state = async (): Promise<string> => {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2, text.lastIndexOf(')') + 3)
  }
  await list([victim])
  expect(await signalListed(folder, victim, 'SIGSTOP')).toBe(true)
  await expect.poll(state).toBe('T')
  await rm(join(folder, 'processes.json'))
  resumeStopped({ pid, startedAtTicks: victim.startedAtTicks - 1 })
  expect(await state()).toBe('T')
  resumeStopped(victim)
  await expect.poll(state).toBe('S')
})

it('another process under the same id gets none, nor one that is not listed', async () => {
  const other = { ...victim, startedAtTicks: victim.startedAtTicks - 1 }
  await list([other])
  expect(await signalListed(folder, other, 'SIGKILL')).toBe(false)
  expect(await signalListed(folder, victim, 'SIGKILL')).toBe(false)
  await list([victim], { bootId: 'of another boot' })
  expect(await signalListed(folder, victim, 'SIGKILL')).toBe(false)
  expect(hasEnded()).toBe(false)
})

it.each([0, 1, -1, Number.NaN])('process %d is never signalled', async (pid) => {
  const everybody = { ...victim, pid }
  await list([everybody])
  expect(await signalListed(folder, everybody, 'SIGSTOP')).toBe(false)
})

it.each([
  ['no list', undefined],
  ['what is no JSON', '{'],
  ['a list without a launcher', '{"bootId":"x","zoneMaster":"y","services":[]}'],
])('%s is no local zone', async (_what, text) => {
  if (text !== undefined) await writeFile(join(folder, 'processes.json'), text)
  const refusal = { code: 'setting-invalid' }
  await expect(readLocalProcesses(folder)).rejects.toMatchObject(refusal)
})

it('a list that its launcher has left behind is none', async () => {
  await list([victim], { launcher: { pid: victim.pid, startedAtTicks: 1 } })
  const refusal = { code: 'setting-invalid' }
  await expect(readLocalProcesses(folder)).rejects.toMatchObject(refusal)
})
