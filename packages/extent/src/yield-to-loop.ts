/** Long computations give the event loop a turn between slices. */
export async function yieldToLoop(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}
