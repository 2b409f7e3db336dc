/** Tells who passes which mark, in the process whose event runs at that moment. */
import { channel } from 'node:diagnostics_channel'
import { MARKS, type Mark } from '@kura/core'

/** `fields`: what the mark is about, e.g. a volume. */
export type MarkListener = (mark: Mark, fields: unknown) => void

/** Marks are published for the whole machine: one world at a time listens. */
export function watchMarks(listener: MarkListener): () => void {
  const handlers = MARKS.map((mark) => {
    const handler = (fields: unknown): void => listener(mark, fields)
    channel(`kura:${mark}`).subscribe(handler)
    return { mark, handler }
  })
  return () => {
    for (const { mark, handler } of handlers) channel(`kura:${mark}`).unsubscribe(handler)
  }
}
