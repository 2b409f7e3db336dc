import { connect, createServer, type Socket } from 'node:net'
import { randomBytes } from 'node:crypto'
import { afterEach, expect, it } from 'vitest'
import { KuraError, MIB } from '@kura/core'
import { adoptSocket } from './adopt-socket.ts'
import { SocketReader } from './socket-reader.ts'

const cleanUps: (() => void)[] = []

afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp()
})

/** A connected pair: what the first sends the reader can read. */
async function openPair(): Promise<{ sender: Socket; reader: SocketReader; accepted: Socket }> {
  const adopted = Promise.withResolvers<{ reader: SocketReader; accepted: Socket }>()
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    const reader = new SocketReader()
    const accepted = adoptSocket(socket, reader.onread)
    reader.attach(accepted)
    adopted.resolve({ reader, accepted })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const bound = server.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0
  const sender = connect(port, '127.0.0.1')
  const pair = { sender, ...(await adopted.promise) }
  cleanUps.push(() => {
    sender.destroy()
    pair.accepted.destroy()
    server.close()
  })
  return pair
}

it('takes no more than a message from a socket until somebody asks', async () => {
  const { sender, reader } = await openPair()
  const bytes = randomBytes(2 * MIB)
  sender.write(bytes)
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(reader.receivedBytes).toBeGreaterThan(0)
  expect(reader.receivedBytes).toBeLessThanOrEqual(8 * 1024)
  expect(reader.hasWaitingBytes).toBe(true)
  const target = Buffer.alloc(bytes.length)
  await reader.readInto(target)
  expect(target.equals(bytes)).toBe(true)
})

it('reads of any sizes see the same stream', async () => {
  const { sender, reader } = await openPair()
  const bytes = randomBytes(3 * MIB)
  sender.end(bytes)
  let offset = 0
  for (const sizeBytes of [1, 0, 20, 70_000, 4096, MIB, 5, 300_000]) {
    const pieces: Uint8Array[] = []
    const target = Buffer.alloc(sizeBytes)
    await reader.readInto(target, (piece) => pieces.push(piece))
    expect(target.equals(bytes.subarray(offset, offset + sizeBytes))).toBe(true)
    expect(Buffer.concat(pieces).equals(target)).toBe(true)
    offset += sizeBytes
  }
  await reader.skip(1000)
  offset += 1000
  const rest = await reader.read(bytes.length - offset)
  expect(rest.equals(bytes.subarray(offset))).toBe(true)
  await expect(reader.read(1)).rejects.toMatchObject({ code: 'unavailable' })
})

it('a read that was failed leaves its memory alone', async () => {
  const { sender, reader } = await openPair()
  sender.write(Buffer.alloc(100_000, 1))
  const target = Buffer.alloc(MIB)
  const reading = reader.readInto(target)
  reading.catch(() => undefined)
  await expect.poll(() => target[99_999]).toBe(1)
  reader.fail(new KuraError('deadline-exceeded', 'enough'))
  await expect(reading).rejects.toMatchObject({ code: 'deadline-exceeded' })
  target.fill(9)
  sender.write(Buffer.alloc(500_000, 2))
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(target.every((byte) => byte === 9)).toBe(true)
})
