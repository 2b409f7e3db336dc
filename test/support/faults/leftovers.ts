/**
 * What fault tests leave on a machine when their process is killed: services, mounts, the loop
 * devices below them, groups of processes, folders. Everything has its maker's process id in its
 * name or its arguments; what belongs to a process that lives is left alone, so that runs side by
 * side do not meet.
 */
import { existsSync } from 'node:fs'
import { readdir, readFile, rm, rmdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { runTool } from '@kura/testkit'
import { GROUP_FOLDERS } from './memory-group.ts'
import { ownerOf, SCRATCH_ROOTS } from './scratch-folder.ts'

const UNMOUNT_ATTEMPTS = 100
const UNMOUNT_POLL_MS = 50

/** Answers what it removed. What cannot be removed is told, and left. */
export async function removeLeftovers(): Promise<readonly string[]> {
  const removed: string[] = []
  const remove = async (path: string, work: () => Promise<unknown>): Promise<void> => {
    try {
      await work()
      removed.push(path)
    } catch (error) {
      process.stdout.write(`cannot remove ${path}: ${String(error)}\n`)
    }
  }
  for (const pid of await listProcesses()) {
    await remove(`process ${pid}`, () => Promise.resolve(process.kill(pid, 'SIGKILL')))
  }
  // The last mount first: a file system before the disk that it lies on.
  for (const path of (await listMounts()).reverse()) await remove(path, () => unmount(path))
  for (const { device, file } of await listLoopDevices()) {
    await remove(`${device} (${file})`, () => runTool('losetup', ['--detach', device]))
  }
  for (const folder of GROUP_FOLDERS) {
    for (const path of await listAbandoned(folder)) await remove(path, () => rmdir(path))
  }
  for (const root of SCRATCH_ROOTS) {
    for (const path of await listAbandoned(root)) {
      await remove(path, () => rm(path, { recursive: true }))
    }
  }
  return removed
}

function isAbandoned(path: string): boolean {
  const owner = ownerOf(path)
  return owner !== undefined && !existsSync(`/proc/${owner}`)
}

/** Services and launchers, by their arguments, which name settings or data of a test. */
async function listProcesses(): Promise<number[]> {
  const abandoned: number[] = []
  for (const name of (await readdir('/proc')).filter((each) => /^\d+$/.test(each))) {
    const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')
    const isNode = basename(command.split('\0')[0] ?? '') === 'node'
    if (isNode && isAbandoned(command)) abandoned.push(Number(name))
  }
  return abandoned
}

async function listMounts(): Promise<string[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n')
  return lines.map((line) => line.split(' ')[4] ?? '').filter(isAbandoned)
}

/** Those that no mount holds any more are gone by themselves. */
async function listLoopDevices(): Promise<{ readonly device: string; readonly file: string }[]> {
  const args = ['--list', '--noheadings', '--output', 'NAME,BACK-FILE']
  const text = await runTool('losetup', args).catch(() => '')
  return text.split('\n').flatMap((line) => {
    const [device = '', file = ''] = line.trim().split(/\s+/)
    return isAbandoned(file) ? [{ device, file }] : []
  })
}

async function listAbandoned(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [])
  return names.map((name) => join(folder, name)).filter(isAbandoned)
}

/** The services of a killed run may still be ending. */
async function unmount(path: string): Promise<void> {
  for (let attempt = 1; attempt < UNMOUNT_ATTEMPTS; attempt += 1) {
    const isDone = await runTool('umount', [path]).then(
      () => true,
      () => false,
    )
    if (isDone) return
    await sleep(UNMOUNT_POLL_MS)
  }
  await runTool('umount', ['--lazy', path])
}
