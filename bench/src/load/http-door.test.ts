import { createHash } from 'node:crypto'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { HttpDoor } from './http-door.ts'

async function withDoor(answer: RequestListener, use: (door: HttpDoor) => Promise<void>) {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const door = new HttpDoor({ http: `127.0.0.1:${port}` }, { name: 'a' })
  try {
    await use(door)
  } finally {
    door.close()
    server.close()
  }
}

const BLOCK = Buffer.from('a block')
const HASH = createHash('sha256').update(BLOCK).digest('hex')

it('bytes that are not those of the hash are refused', async () => {
  const answers = [BLOCK, Buffer.from('a bloke')]
  await withDoor(
    (_, response) => response.end(answers.shift()),
    async (door) => {
      expect(await door.get(HASH)).toBe(BLOCK.length)
      await expect(door.get(HASH)).rejects.toMatchObject({ code: 'block-unreadable' })
    },
  )
})

it('an answer that breaks off is an error, and no short block', async () => {
  await withDoor(
    (_, response) => {
      response.writeHead(200, { 'content-length': 100 })
      response.write('half', () => response.destroy())
    },
    async (door) => {
      await expect(door.get(HASH)).rejects.toMatchObject({ code: 'unavailable' })
    },
  )
})

it('a receipt says whether the block is new; a refusal has its code', async () => {
  const answers: [number, object][] = [
    [201, { hash: HASH, newlyStored: true }],
    [200, { hash: HASH, newlyStored: false }],
    [503, { code: 'overloaded', message: 'come back' }],
    [201, { hash: '00', newlyStored: true }],
  ]
  await withDoor(
    (request, response) => {
      request.resume().on('end', () => {
        const [status, body] = answers.shift() ?? [500, {}]
        response.writeHead(status).end(JSON.stringify(body))
      })
    },
    async (door) => {
      expect(await door.put(BLOCK)).toEqual({ hash: HASH, newlyStored: true })
      expect(await door.put(BLOCK)).toEqual({ hash: HASH, newlyStored: false })
      await expect(door.put(BLOCK)).rejects.toMatchObject({ code: 'overloaded' })
      await expect(door.put(BLOCK)).rejects.toMatchObject({ code: 'block-unreadable' })
    },
  )
})
