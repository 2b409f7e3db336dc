/**
 * Works on the items of a sequence with several in flight and yields the results in the order of
 * the items. Pulls an item only when it may start. What ends it early aborts the work in flight and
 * waits for it, so that no buffer is in use and no rejection is lost when it returns.
 */
export async function* mapOrdered<Item, Result>(
  items: AsyncIterable<Item>,
  options: {
    readonly inFlightMax: number
    readonly work: (item: Item, signal: AbortSignal) => Promise<Result>
    readonly signal?: AbortSignal | undefined
  },
): AsyncGenerator<Result, void, undefined> {
  const inFlight: Promise<Result>[] = []
  const stop = new AbortController()
  const { signal: outer } = options
  const signal = outer === undefined ? stop.signal : AbortSignal.any([outer, stop.signal])
  try {
    for await (const item of items) {
      const result = options.work(item, signal)
      // The rejection is met where the result is awaited, in its turn.
      result.catch(() => undefined)
      inFlight.push(result)
      if (inFlight.length >= options.inFlightMax) yield await takeFirst(inFlight)
    }
    while (inFlight.length > 0) yield await takeFirst(inFlight)
  } finally {
    if (inFlight.length > 0) stop.abort()
    await Promise.allSettled(inFlight)
  }
}

async function takeFirst<Result>(inFlight: Promise<Result>[]): Promise<Result> {
  const first = inFlight.shift()
  if (first === undefined) throw new RangeError('nothing is in flight')
  return await first
}
