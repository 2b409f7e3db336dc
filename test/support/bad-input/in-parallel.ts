/** Runs `run` for 0 up to `count`, so many at a time. */
export async function inParallel(
  work: { readonly count: number; readonly parallelism: number },
  run: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < work.count) {
      next += 1
      await run(next - 1)
    }
  }
  await Promise.all(Array.from({ length: Math.min(work.parallelism, work.count) }, worker))
}
