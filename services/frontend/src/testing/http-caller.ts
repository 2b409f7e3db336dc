/** A plain HTTP caller for tests: one request, the whole answer. */
import { createHash } from 'node:crypto'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'

export interface HttpAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  readonly json: Record<string, unknown>
}

export function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

export async function sendHttp(
  address: string,
  options: {
    readonly method: string
    readonly path: string
    readonly body?: Buffer
    readonly headers?: Record<string, string>
  },
): Promise<HttpAnswer> {
  const { method, path, body, headers } = options
  return await new Promise((resolve, reject) => {
    const url = `http://${address}${path}`
    const length = body === undefined ? {} : { 'content-length': String(body.length) }
    const outgoing = httpRequest(url, { method, headers: { ...length, ...headers } })
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => {
        const bytes = Buffer.concat(chunks)
        const isJson = response.headers['content-type'] === 'application/json' && bytes.length > 0
        const json = isJson ? (JSON.parse(bytes.toString()) as Record<string, unknown>) : {}
        const { statusCode = 0 } = response
        resolve({ status: statusCode, headers: response.headers, body: bytes, json })
      })
    })
    outgoing.on('error', reject)
    if (headers?.['expect'] === undefined) outgoing.end(body)
    else outgoing.on('continue', () => outgoing.end(body))
  })
}
