/**
 * The device files that test disks need. Where nobody fills /dev, as in a container with all
 * rights, the kernel has the devices and the names are missing.
 */
import { existsSync } from 'node:fs'
import { runTool } from '@kura/testkit'

/** Disks in use at one time, of several runs. */
const LOOP_DEVICES = 32

const NODES: readonly (readonly [path: string, kind: string, major: number, minor: number])[] = [
  ['/dev/fuse', 'c', 10, 229],
  ['/dev/loop-control', 'c', 10, 237],
  ...Array.from({ length: LOOP_DEVICES }, (_, at) => [`/dev/loop${at}`, 'b', 7, at] as const),
]

/** Makes those that are missing. Without the right to, the probes say what cannot be done. */
export async function makeDeviceNodes(): Promise<void> {
  for (const [path, kind, major, minor] of NODES) {
    if (existsSync(path)) continue
    await runTool('mknod', ['-m', '660', path, kind, String(major), String(minor)]).catch(() => '')
  }
}
