/**
 * Works on the items of a sequence with several in flight and yields the results in the order of
 * the items. Pulls an item only when it may start. Whatever ends it, it waits for the work in
 * flight first, so that no buffer is in use and no rejection is lost when it returns.
 */
export async function* mapOrdered<Item, Result>(
  items: AsyncIterable<Item>,
  options: {
    readonly inFlightMax: number
    readonly work: (item: Item) => Promise<Result>
  },
): AsyncGenerator<Result, void, undefined> {
  const inFlight: Promise<Result>[] = []
  try {
    for await (const item of items) {
      const result = options.work(item)
      // The rejection is met where the result is awaited, in its turn.
      result.catch(() => undefined)
      inFlight.push(result)
      if (inFlight.length >= options.inFlightMax) yield await takeFirst(inFlight)
    }
    while (inFlight.length > 0) yield await takeFirst(inFlight)
  } finally {
    await Promise.allSettled(inFlight)
  }
}

async function takeFirst<Result>(inFlight: Promise<Result>[]): Promise<Result> {
  const first = inFlight.shift()
  if (first === undefined) throw new RangeError('nothing is in flight')
  return await first
}
