/** Whether something is stored under a hash, asked as a good caller would. */
import { request } from 'node:http'
import { hashToBytes, type BlockHash } from '@kura/core'
import type { DoorPlace, Target } from './attempts.ts'
import { sendForAnswer } from './frame-caller.ts'
import { frontendHello, readRecord } from './frames.ts'

export async function hasStored(
  { process }: DoorPlace,
  target: Target,
  hash: BlockHash,
): Promise<boolean> {
  return process === 'frontend'
    ? await isBlock(target.endpoints.http, hash)
    : await isRecord(target, hash)
}

/** On a connection of its own, which is closed behind it. */
function isBlock(http: string, hash: BlockHash): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const options = { method: 'HEAD', agent: false, headers: { 'x-kura-client': 'witness' } }
    const asking = request(`http://${http}/v1/blocks/${hash}`, options, (response) => {
      response.resume()
      response.once('end', () => {
        if (response.statusCode === 200) resolve(true)
        else if (response.statusCode === 404) resolve(false)
        else reject(new Error(`a question for a block is answered ${response.statusCode}`))
      })
    })
    asking.once('error', reject).end()
  })
}

async function isRecord({ node, extent }: Target, hash: BlockHash): Promise<boolean> {
  const question = Buffer.concat([frontendHello(extent), readRecord(extent, hashToBytes(hash))])
  const answer = await sendForAnswer(node, question)
  if (answer === 'record-unknown') return false
  if (answer === 'read') return true
  throw new Error(`a question for a record is answered ${answer}`)
}
