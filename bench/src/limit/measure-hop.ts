/**
 * What it costs to move blocks over one TCP connection on loopback: this process sends from a slab
 * that it holds, another one receives into one that it holds, as the block transport does.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Slab } from '@kura/core'
import { processorSecondsOf } from './processor-time.ts'

const RECEIVER = join(import.meta.dirname, 'hop-receiver.js')
const HOST = '127.0.0.1'

/** Processor seconds of both sides for each block. */
export async function measureHop(slab: Slab, blockCount: number): Promise<number> {
  const server = createServer()
  server.listen(0, HOST)
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port to listen on')
  const receiver = fork(RECEIVER, [String(address.port)])
  try {
    const accepted: readonly unknown[] = await once(server, 'connection')
    const socket = accepted[0] as Socket
    socket.setNoDelay(true)
    const sent = await processorSecondsOf(() => send(socket, slab.payload, blockCount))
    socket.end()
    return (sent + (await answerOf(receiver))) / blockCount
  } finally {
    receiver.kill()
    server.close()
  }
}

async function send(socket: Socket, block: Buffer, count: number): Promise<void> {
  for (let sent = 0; sent < count; sent += 1) {
    await new Promise<void>((resolve, reject) => {
      socket.write(block, (error) => {
        if (error) reject(error)
        else resolve()
      })
    })
  }
}

/** The processor seconds that the receiver has spent. */
async function answerOf(receiver: ChildProcess): Promise<number> {
  const [seconds]: readonly unknown[] = await once(receiver, 'message')
  return Number(seconds)
}
