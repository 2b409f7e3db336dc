import { expect, test } from 'vitest'
import { parseProgramLine } from './program-arguments.ts'
import { commonSettings } from './settings.ts'

const parse = (...args: string[]) => parseProgramLine(args, commonSettings)

test('settings are told from a command and its own words, in any order', () => {
  const line = ['rebuild', '--zone', 'b', 'FROM', '--data-dir=--odd', '--apply', '--to=x', '-v']
  expect(parse(...line, '--config', 'f')).toEqual({
    words: ['rebuild', 'FROM', '--apply', '--to=x', '-v'],
    flags: { zone: 'b', 'data-dir': '--odd', config: 'f' },
    help: false,
  })
  expect(parse('--help').help).toBe(true)
})

test('the last of two equal flags counts', () => {
  expect(parse('--zone', 'b', '--zone=c').flags).toEqual({ zone: 'c' })
})

test('names that only look like settings are left to the command', () => {
  const names = ['--dataDir', '--data_dir', '--__proto__=1', '-z']
  expect(parse(...names)).toEqual({ words: names, flags: {}, help: false })
})

test.each([[['--zone']], [['--zone', '--pocket', 'p']]])('%j lacks its value', (args) => {
  expect(() => parse(...args)).toThrow(
    expect.objectContaining({ code: 'setting-invalid', message: '--zone takes a value' }),
  )
})
