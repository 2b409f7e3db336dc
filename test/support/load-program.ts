/**
 * A program: one client's load on the HTTP door, in a process of its own. An order is the number of
 * puts to keep under way, or as many `as before`; the report is how puts have ended so far.
 */
import { setPriority } from 'node:os'
import { HttpLoad, type HttpLoadOptions } from './http-load.ts'

export interface LoadPlan extends HttpLoadOptions {
  /** As a niceness: strangers have machines of their own. */
  readonly priority: number
}

const { priority, ...options } = JSON.parse(process.argv[2] ?? '') as LoadPlan
setPriority(priority)
const load = new HttpLoad(options)
process.on('message', (count: number | 'as before') => {
  void (count === 'as before' ? Promise.resolve() : load.keep(count)).then(() =>
    process.send?.(load.counts),
  )
})
process.on('disconnect', () => process.exit(0))
