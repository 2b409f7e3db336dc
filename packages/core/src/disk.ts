/**
 * The port to one disk: a directory tree on one file system. Paths are relative, with `/`.
 * Production has `NodeDisk` (extent); tests have `MemoryDisk` and `FaultyDisk` (testkit).
 *
 * Methods fail with the system's own error (`code` is ENOENT, EEXIST, ENOSPC, EIO, EROFS …); the
 * layer above turns them into KuraErrors, because only it knows what they mean there.
 */
export interface Disk {
  /**
   * Opens an existing file. `direct` reads and writes past the page cache: memory, offsets and
   * lengths are page-aligned.
   */
  open(
    path: string,
    options: { readonly mode: 'read' | 'write'; readonly direct: boolean },
  ): Promise<File>
  /**
   * Creates a file that must not exist (EEXIST), with its space allocated, open for writing.
   * Durable: nothing; the caller syncs the file and its directory.
   */
  create(
    path: string,
    options: { readonly allocateBytes: number; readonly direct: boolean },
  ): Promise<File>
  /** A whole small file. ENOENT where there is none. */
  readFile(path: string): Promise<Buffer>
  /**
   * Writes a small file: scratch name, sync, rename, sync of the directory.
   * Durable: bytes and directory entry.
   */
  writeFileDurably(path: string, bytes: Uint8Array): Promise<void>
  /** Names in a directory, sorted. */
  list(directory: string): Promise<readonly string[]>
  /** Undefined where there is no such entry. */
  stat(path: string): Promise<FileStat | undefined>
  /** Creates a directory and its parents. Durable: the entries. */
  makeDirectory(path: string): Promise<void>
  /** Gives a file a second name; EEXIST if that name is taken. Durable: nothing. */
  link(existingPath: string, newPath: string): Promise<void>
  /** Removes a name. Durable: nothing. */
  unlink(path: string): Promise<void>
  /** Durable: every entry of the directory. */
  syncDirectory(path: string): Promise<void>
  space(): Promise<{ readonly totalBytes: number; readonly freeBytes: number }>
  /** Whether the root is where a file system of its own is mounted. */
  isMountPoint(): Promise<boolean>
  /** Takes the exclusive lock on a file, which is made where it is missing; throws `locked`. */
  lock(path: string): Promise<DiskLock>
}

export interface FileStat {
  readonly kind: 'file' | 'directory'
  readonly sizeBytes: number
  readonly allocatedBytes: number
}

export interface DiskLock {
  release(): Promise<void>
}

export interface File {
  /** Reads until `target` is full or the file ends; the number of bytes read. */
  read(target: Uint8Array, offsetBytes: number): Promise<number>
  /** One contiguous write of all pieces; a short write is an error (EIO). Durable: nothing. */
  write(pieces: readonly Uint8Array[], offsetBytes: number): Promise<void>
  /**
   * Durable: all bytes written and the length (fdatasync). After a failure the file's pages are
   * not to be trusted.
   */
  sync(): Promise<void>
  /** Cuts the file to `sizeBytes`. Durable: nothing. */
  cut(sizeBytes: number): Promise<void>
  sizeBytes(): Promise<number>
  close(): Promise<void>
}
