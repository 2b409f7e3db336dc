/** The parts of the bench in the order of tables, with their titles there. */
import type { Part } from './sample.ts'

export const PART_TITLES: Readonly<Record<Part, string>> = {
  limit: 'The limit of this machine',
  load: 'Load',
  micro: 'Parts of the store',
  special: 'Special rows',
  peers: 'Peers',
}
