/**
 * Puts a block and a file, reads both back, and says so.
 *
 *   KURA_SERVER=127.0.0.1:7421 KURA_POCKET=local node put-and-get.mjs
 */
import { Buffer } from 'node:buffer'
import { fileURLToPath } from 'node:url'
import { isKuraError, KuraClient } from '@kura/client'

const client = new KuraClient({
  servers: [process.env.KURA_SERVER ?? '127.0.0.1:7421'],
  pocket: process.env.KURA_POCKET ?? 'local',
})
try {
  const receipt = await client.put(Buffer.from(`hello from ${new Date().toISOString()}`))
  const bytes = await client.get(receipt.hash)
  console.log(`block ${receipt.hash} in zone ${receipt.zone}: ${Buffer.from(bytes).toString()}`)

  const file = await client.putFile(fileURLToPath(import.meta.url))
  let sizeBytes = 0
  for await (const piece of client.readFile(file.text)) sizeBytes += piece.length
  console.log(`${file.text}: ${sizeBytes} bytes`)
} catch (error) {
  const code = isKuraError(error) ? `${error.code}, retryable: ${error.retryable}` : 'unexpected'
  console.error(`failed: ${error.message} (${code})`)
  process.exitCode = 1
} finally {
  client.close()
}
