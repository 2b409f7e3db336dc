import { spawnSync } from 'node:child_process'
import { expect, it } from 'vitest'

const HANG_WATCH = new URL('hang-watch.ts', import.meta.url).href

function run(program: string) {
  const source = `import { HangWatch } from '${HANG_WATCH}'\n${program}`
  const args = ['--conditions=source', '--input-type=module', '--eval', source]
  return spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 15_000 })
}

it('a decoder that never ends ends the process, and its input is known', () => {
  const { signal, stderr } = run(`
    const watch = new HangWatch({ name: 'planted', hangMs: 300 })
    watch.begin(Buffer.from('kura'))
    for (;;);
  `)
  expect(signal).toBe('SIGKILL')
  expect(stderr).toContain('planted does not end; input in hex: 6b757261\n')
})

it('many short executions are no hang, and nothing stays behind', () => {
  const { status, stderr } = run(`
    const watch = new HangWatch({ name: 'planted', hangMs: 300 })
    const endMs = performance.now() + 900
    while (performance.now() < endMs) watch.begin(Buffer.from('kura'))
    watch[Symbol.dispose]()
  `)
  expect(stderr).toBe('')
  expect(status).toBe(0)
})
