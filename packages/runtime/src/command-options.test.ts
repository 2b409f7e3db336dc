import { expect, it } from 'vitest'
import { readCommandOptions } from './command-options.ts'

const expected = { flags: ['apply', 'force'], operands: ['FROM'] } as const

it('flags and operands are told apart, in any order', () => {
  const { flags, operands } = readCommandOptions(['--apply', '/backup'], expected)
  expect(flags).toEqual({ apply: true, force: false })
  expect(operands).toEqual(['/backup'])
})

it.each([[['/a', '/b']], [[]], [['/a', '--aply']], [['/a', '--apply=yes']]])(
  'words that mean nothing are refused: %j',
  (args) => {
    const read = () => readCommandOptions(args, expected)
    expect(read).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
  },
)
