export { AddressBook } from './address-book.ts'
export type { AddressBookOptions, ListenerName } from './address-book.ts'
export { DirectoryCoordinator } from './directory-coordinator.ts'
export type { DirectoryCoordinatorOptions } from './directory-coordinator.ts'
