/**
 * Signals that go with the life that made them. Node keeps what `AbortSignal.any` made for as long
 * as somebody listens, whatever becomes of the listener: a life that ends in mid-work would stay in
 * memory whole.
 */

/** Until the answer is called, a signal of several is held by those alone. */
export function makeSignalsMortal(): () => void {
  const { any } = AbortSignal
  AbortSignal.any = followAny
  return () => {
    AbortSignal.any = any
  }
}

/** One listener for each source: a list of listeners is searched for every new one. */
const followersOf = new WeakMap<AbortSignal, AbortController[]>()

function followAny(signals: Iterable<AbortSignal>): AbortSignal {
  const sources = [...signals]
  const aborted = sources.find((source) => source.aborted)
  if (aborted !== undefined) return AbortSignal.abort(aborted.reason)
  const follower = new AbortController()
  for (const source of sources) follow(source, follower)
  return follower.signal
}

function follow(source: AbortSignal, follower: AbortController): void {
  const known = followersOf.get(source)
  if (known !== undefined) {
    known.push(follower)
    return
  }
  const followers = [follower]
  followersOf.set(source, followers)
  const tell = (): void => {
    for (const each of followers.splice(0)) each.abort(source.reason)
  }
  source.addEventListener('abort', tell, { once: true })
}
