import { KuraError, type MemberKind } from '@kura/core'

const SERVICES: Readonly<Record<string, MemberKind>> = {
  'block-index': 'block-index',
  'replication-table': 'volume-manager',
  'zone-registry': 'zone-master',
}

/** A lost registry needs no rebuild: cells and disks register again with their next reports. */
const REBUILT_STORES = ['block-index', 'replication-table']

/** Those that a verb takes, e.g. for the help. */
export function storesOf(verb: 'rebuild' | 'backup' | 'restore'): readonly string[] {
  return verb === 'rebuild' ? REBUILT_STORES : Object.keys(SERVICES)
}

/** The service that owns a store. Throws `invalid-argument`. */
export function ownerOfStore(store: string, verb: 'rebuild' | 'backup' | 'restore'): MemberKind {
  const stores = storesOf(verb)
  const service = SERVICES[store]
  if (service !== undefined && stores.includes(store)) return service
  throw new KuraError('invalid-argument', `there is no store ${store} to ${verb}`, {
    hint: `stores are ${stores.join(', ')}`,
  })
}
