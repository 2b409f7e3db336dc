/**
 * Who a request counts for, where callers compete. A remote caller is its address: a name costs
 * nothing, so a greedy caller would take many. Callers on this machine share one address, so there
 * the name that a caller gives itself counts, if it gives one.
 */
declare const brand: unique symbol
export type ClientKey = string & { readonly [brand]: 'ClientKey' }

const NAME_PATTERN = /^[A-Za-z0-9._-]{1,64}$/
const MAPPED_PREFIX = '::ffff:'
/** Who has one address of a network of this size has all of them. */
const NETWORK_GROUPS = 4
const ADDRESS_GROUPS = 8

export function clientKeyOf(caller: {
  /** Undefined once the connection is gone. */
  readonly remoteAddress: string | undefined
  /** What the caller calls itself; a name that is not sane counts as none. */
  readonly name: string | undefined
}): ClientKey {
  const { remoteAddress = 'gone', name } = caller
  const address = remoteAddress.startsWith(MAPPED_PREFIX)
    ? remoteAddress.slice(MAPPED_PREFIX.length)
    : remoteAddress
  if (isLoopback(address) && name !== undefined && NAME_PATTERN.test(name)) {
    return `name ${name}` as ClientKey
  }
  return `address ${address.includes(':') ? networkOf(address) : address}` as ClientKey
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.')
}

/** The first 64 bits of an IPv6 address. */
function networkOf(address: string): string {
  const [head = '', tail] = address.split('::')
  const before = head.split(':')
  const after = tail === undefined ? [] : tail.split(':')
  const zeros = Math.max(0, ADDRESS_GROUPS - before.length - after.length)
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after]
  return groups.slice(0, NETWORK_GROUPS).join(':')
}
