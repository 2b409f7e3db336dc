/** On what the figures were taken. */
export interface Environment {
  readonly processors: number
  readonly model: string
  readonly memoryGib: number
  readonly kernel: string
  /** Of the file system that holds the data, as `/proc/mounts` has it. */
  readonly mount: string
  readonly node: string
  readonly commit: string
  /** Of what it was compared with and of libraries that matter, by name. */
  readonly versions: Readonly<Record<string, string>>
  /** Of the minute before: above 0.5 something else ran. */
  readonly loadBefore: number
}
