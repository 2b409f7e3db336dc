/** The tree of a `MemoryDisk`: paths, and what lies below a directory. */
import type { Hash } from 'node:crypto'
import type { MemoryDirectoryInode, MemoryInode } from './memory-inode.ts'

export function parts(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.')
}

/** Each once, the directory itself first. */
export function inodesBelow(directory: MemoryDirectoryInode): MemoryInode[] {
  const inodes = new Set<MemoryInode>([directory])
  for (const inode of inodes) {
    if (inode.kind !== 'directory') continue
    for (const name of inode.names()) {
      const child = inode.get(name)
      if (child !== undefined) inodes.add(child)
    }
  }
  return [...inodes]
}

export function addToHash(directory: MemoryDirectoryInode, path: string, hash: Hash): void {
  for (const name of directory.names()) {
    const inode = directory.get(name)
    const childPath = `${path}/${name}`
    if (inode?.kind === 'directory') addToHash(inode, childPath, hash.update(`${childPath}/\n`))
    else if (inode !== undefined)
      hash.update(`${childPath} ${inode.sizeBytes}\n`).update(inode.content())
  }
}

/** In the order of their names; a file with two names comes twice. */
export function filePathsBelow(directory: MemoryDirectoryInode, path = ''): string[] {
  return directory.names().flatMap((name) => {
    const inode = directory.get(name)
    const childPath = path === '' ? name : `${path}/${name}`
    return inode?.kind === 'directory' ? filePathsBelow(inode, childPath) : [childPath]
  })
}
