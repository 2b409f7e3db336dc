/**
 * Ports for services that must come back where they were. They lie below the range from which the
 * system serves outgoing connections, so nobody takes one by accident while its service is down.
 */
import { createServer } from 'node:net'
import { KuraError } from '@kura/core'

const HOST = '127.0.0.1'
const PORT_MIN = 20_000
const PORT_COUNT = 12_000
const ATTEMPTS_MAX = 1000
const PORT_MAX = 65_535

/** `count` ports that were free a moment ago. */
export async function chooseFreePorts(count: number): Promise<readonly number[]> {
  const chosen = new Set<number>()
  for (let attempt = 0; chosen.size < count; attempt += 1) {
    if (attempt === ATTEMPTS_MAX) {
      throw new KuraError('port-taken', `no ${count} free ports found on ${HOST}`)
    }
    const port = PORT_MIN + Math.floor(Math.random() * PORT_COUNT)
    if (!chosen.has(port) && (await probePort(port)) === undefined) chosen.add(port)
  }
  return [...chosen]
}

/** Throws `port-taken` where somebody listens at `port` already. */
export async function checkPort(port: number, purpose: string): Promise<void> {
  if (!Number.isInteger(port) || port < 1 || port > PORT_MAX) {
    throw new KuraError('invalid-argument', `${port} is not a port (${purpose})`)
  }
  const problem = await probePort(port)
  if (problem === undefined) return
  throw new KuraError('port-taken', `port ${port} (${purpose}) cannot be used: ${problem}`, {
    hint: 'free it, or choose others with --port-base',
  })
}

/** Undefined where the port is free, else the system's code. */
async function probePort(port: number): Promise<string | undefined> {
  const server = createServer()
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  server.listen(port, HOST, () => server.close(() => resolve(undefined)))
  return await promise
}
