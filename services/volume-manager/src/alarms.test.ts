import { expect, it } from 'vitest'
import { Alarms, ALARMS_MAX } from './alarms.ts'

it('an alarm is new once, and again after it was cleared', () => {
  const alarms = new Alarms()
  expect(alarms.raise('mass-silence', 'Half the cell is silent.')).toBe(true)
  expect(alarms.raise('mass-silence', 'Half the cell is silent.')).toBe(false)
  alarms.clear('mass-silence')
  expect(alarms.list()).toEqual([])
  expect(alarms.raise('mass-silence', 'Half the cell is silent.')).toBe(true)
})

it('more alarms than are listed are counted, and listed once there is room', () => {
  const alarms = new Alarms()
  for (let index = 0; index < ALARMS_MAX + 2; index += 1) alarms.raise(`k${index}`, `s${index}`)
  expect(alarms.list()[0]).toBe('2 more alarms stand than are listed.')
  expect(alarms.list()).toHaveLength(ALARMS_MAX + 1)
  alarms.clear('k0')
  alarms.raise(`k${ALARMS_MAX}`, 'now listed')
  expect(alarms.list()).toContain('now listed')
  expect(alarms.list()[0]).toBe('1 more alarms stand than are listed.')
})
