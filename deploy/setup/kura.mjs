#!/usr/bin/env node
/** `npx --no kura …`: the command, in a tree that is set up. Sets nothing up itself. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'

import { fail } from './fail.mjs'
import { root, targets } from './layout.mjs'
import { describeToolchain } from './toolchain.mjs'

const program = join(root, targets.kura.file)
const { node, env } = describeToolchain()
if (!existsSync(node) || !existsSync(program))
  fail('not set up yet; run: npm run -s kura -- --help')
// Ctrl-C is the command's, which may have something to tell before it ends.
process.on('SIGINT', () => undefined)
const result = spawnSync(node, [program, ...process.argv.slice(2)], { stdio: 'inherit', env })
process.exit(result.status ?? 128 + (constants.signals[result.signal] ?? 0))
