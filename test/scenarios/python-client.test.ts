/**
 * The gRPC door from another language: the published contract is compiled by Debian's protoc, and
 * the example for Python puts and gets with Debian's gRPC, against a zone of real processes.
 */
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startScenarioZone, type ScenarioZone } from '../support/scenario-zone.ts'

const root = resolve(import.meta.dirname, '../..')
/** Debian's own, which has Debian's modules; another one may come first in the path. */
const PYTHON = '/usr/bin/python3'
const run = promisify(execFile)

let scenario: ScenarioZone
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kura-python-'))
  const contracts = ['kura/v1/block_store.proto', 'kura/v1/common.proto']
  const proto = join(root, 'proto')
  await run('protoc', ['-I', proto, `--python_out=${folder}`, ...contracts])
  scenario = await startScenarioZone()
})

afterAll(async () => {
  await scenario[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

async function runPython(...args: readonly string[]): Promise<string> {
  const env = { ...process.env, PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: '1' }
  const { stdout } = await run(PYTHON, [...args], { env, timeout: 60_000 })
  return stdout
}

test.each([1, 5_000, 4 * 1024 * 1024])(
  'the example puts and gets a block of %i bytes',
  async (sizeBytes) => {
    const block = randomBytes(sizeBytes)
    const path = join(folder, `block-${sizeBytes}`)
    await writeFile(path, block)
    const hash = createHash('sha256').update(block).digest('hex')
    const example = join(root, 'proto/examples/put_and_get.py')
    const { grpc, http } = scenario.zone.endpoints
    const first = await runPython(example, grpc, path)
    expect(first.split('\n')).toEqual([
      `${hash}: ${sizeBytes} bytes stored`,
      expect.stringMatching(/^in bucket \d+$/),
      'read back the same bytes',
      'a block that nobody put: not-found',
      '',
    ])
    expect(await runPython(example, grpc, path)).toContain('bytes was stored already')
    const answer = await fetch(`http://${http}/v1/blocks/${hash}`)
    expect(block.equals(Buffer.from(await answer.arrayBuffer()))).toBe(true)
  },
)

const REFUSALS = `
import sys, grpc
sys.path.insert(0, sys.argv[2])
from put_and_get import BlockStore, error_code, kura

def code_of(call, *args, **options):
    try:
        call(*args, timeout=10, **options)
        return "ok"
    except grpc.RpcError as error:
        return f"{error.code().name} {error_code(error)}"

with grpc.insecure_channel(sys.argv[1]) as channel:
    store = BlockStore(channel)
    big = kura.PutRequest(block=bytes(4 * 1024 * 1024 + 1))
    huge = kura.PutRequest(block=bytes(32 * 1024 * 1024))
    some = kura.PutRequest(block=bytes(3 * 1024 * 1024))
    print(code_of(store.put, big))
    print(code_of(store.put, huge))
    print(code_of(store.put, some, compression=grpc.Compression.Gzip))
    print(code_of(store.put, kura.PutRequest(hash=bytes(32), block=b"hello")))
    print(code_of(store.put, kura.PutRequest()))
    print(code_of(store.get, kura.GetRequest(hash=b"short")))
    try:
        store.put(some, timeout=0.000001)
    except grpc.RpcError as error:
        print(error.code().name)
`

test('what is refused has a status and a code in Python, too', async () => {
  const script = join(folder, 'refusals.py')
  await writeFile(script, REFUSALS)
  const output = await runPython(script, scenario.zone.endpoints.grpc, join(root, 'proto/examples'))
  expect(output.trimEnd().split('\n')).toEqual([
    'INVALID_ARGUMENT block-too-large',
    'INVALID_ARGUMENT block-too-large',
    'UNIMPLEMENTED unimplemented',
    'INVALID_ARGUMENT hash-mismatch',
    'INVALID_ARGUMENT block-empty',
    'INVALID_ARGUMENT invalid-hash',
    'DEADLINE_EXCEEDED',
  ])
})

/** By path and bytes, as on the wire: status 1 is SERVING. */
const HEALTH = `
import sys, grpc

with grpc.insecure_channel(sys.argv[1]) as channel:
    check = channel.unary_unary("/grpc.health.v1.Health/Check")
    watch = channel.unary_stream("/grpc.health.v1.Health/Watch")
    print(check(b"", timeout=10).hex())
    print(check(b"\\x0a\\x12kura.v1.BlockStore", timeout=10).hex())
    stream = watch(b"", timeout=10)
    print(next(stream).hex())
    stream.cancel()
`

test('the standard health service answers a standard client', async () => {
  const script = join(folder, 'health.py')
  await writeFile(script, HEALTH)
  const output = await runPython(script, scenario.zone.endpoints.grpc)
  expect(output.trimEnd().split('\n')).toEqual(['0801', '0801', '0801'])
})
