/** The list of marks and the code that passes them tell the same story. */
import { MARKS, type Mark } from '@kura/core'
import { describe, expect, test } from 'vitest'
import { filesMatching, readText } from './repository.ts'

/** The durable paths, and who walks them. */
const OWNERS: Readonly<Record<string, RegExp>> = {
  extent: /^packages\/extent\/src\//,
  disk: /^packages\/extent\/src\//,
  index: /^services\/block-index\/src\/store\//,
  database: /^packages\/database\/src\//,
  table: /^services\/volume-manager\/src\/store\//,
  close: /^services\/volume-manager\/src\/closing\//,
  repair: /^services\/volume-manager\/src\/repair\//,
  put: /^services\/frontend\/src\/(steps|handlers)\//,
}
const MARKS_MIN = 30

const programs = filesMatching(/^(packages|services)\/.*\/src\/.*\.ts$/).filter(
  (path) => !/\.test\.ts$|\/testing\//.test(path) && path !== 'packages/core/src/marks.ts',
)

/** Every call of `mark`, with its first argument as it is written. */
const calls = programs.flatMap((path) =>
  [...readText(path).matchAll(/(?<![\w.#])mark\(\s*([^,)]*)/g)].map((call) => ({
    path,
    argument: call[1] ?? '',
  })),
)

function placesOf(mark: Mark): readonly string[] {
  return calls.filter(({ argument }) => argument === `'${mark}'`).map(({ path }) => path)
}

describe('marks', () => {
  test('there are enough of them, each named once', () => {
    expect(MARKS.length).toBeGreaterThanOrEqual(MARKS_MIN)
    expect(new Set(MARKS).size).toBe(MARKS.length)
  })

  test.each(MARKS)('%s is passed in one place, by the owner of its path', (mark) => {
    const places = placesOf(mark)
    expect(places, 'a mark that is passed nowhere, or twice').toHaveLength(1)
    const owner = OWNERS[mark.split('.')[0] ?? '']
    expect(places[0]).toMatch(owner ?? /no owner/)
  })

  test('what is passed is on the list and written out', () => {
    const listed = new Set(MARKS.map((mark) => `'${mark}'`))
    expect(calls.filter(({ argument }) => !listed.has(argument))).toEqual([])
  })
})
