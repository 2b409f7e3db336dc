/** Processor seconds of this process, user and system, all threads. */
const US_PER_SECOND = 1_000_000

export async function processorSecondsOf(work: () => Promise<void> | void): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / US_PER_SECOND
}
