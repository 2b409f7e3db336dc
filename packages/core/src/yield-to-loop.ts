/** Long computations give the event loop a turn between slices. */
export async function yieldToLoop(): Promise<void> {
  // eslint-disable-next-line seams/time -- a turn of the loop, not time: no clock moves it
  await new Promise((resolve) => setImmediate(resolve))
}
