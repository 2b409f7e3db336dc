/**
 * The load against a zone that somebody runs, through the doors whose addresses are given. What is
 * put stays there, until its owner's zone forgets it: nothing here can delete. Its processes cannot
 * be seen, so samples have no processor seconds and no memory of them, and none of them is killed.
 */
import { KuraError } from '@kura/core'
import type { PartContext } from '../part.ts'
import { DOORS, type Door, type LoadEndpoints } from './load.ts'
import { TargetSite } from './load-site.ts'
import { planZones } from './plan-loads.ts'
import { measureSite, wantedOf } from './run-load.ts'

/** Throws `invalid-argument` where nothing that is wanted can be measured there. */
export async function runLoadAgainst(target: LoadEndpoints, context: PartContext): Promise<void> {
  const all = wantedOf(planZones(context.isQuick ? 'quick' : 'full'), context)
  const quiet = all.filter(({ rows }) => rows.every(({ kill }) => kill === undefined))
  const plans = quiet.filter(({ door }) => hasDoor(target, door))
  if (plans.length === 0) throw nothingToMeasure(target, all.length > 0 && quiet.length === 0)
  context.tell('what is put stays in the pocket: the bench cannot delete it')
  const leftOut = all.length - plans.length
  if (leftOut > 0) context.tell(`${leftOut} groups of rows cannot be measured there`)
  for (const plan of plans) {
    await using site = new TargetSite(target)
    await measureSite(site, plan, { context })
  }
}

function hasDoor(target: LoadEndpoints, door: Door): boolean {
  if (door !== 'client') return target[door] !== undefined
  return target.block !== undefined && target.pocket !== undefined
}

function nothingToMeasure(target: LoadEndpoints, isKillWanted: boolean): KuraError {
  if (isKillWanted) {
    return new KuraError('invalid-argument', 'no process of a pocket that is not ours is killed', {
      hint: 'degraded gets and puts while a node is killed need a zone of the bench: no --target',
    })
  }
  const doors = DOORS.filter((door) => hasDoor(target, door)).join(', ')
  return new KuraError('invalid-argument', 'no row that is asked for can be measured there', {
    hint: `the target has these doors: ${doors === '' ? 'none' : doors}`,
  })
}
