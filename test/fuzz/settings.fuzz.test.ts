import { expect, it } from 'vitest'
import { settings as blockIndexSettings } from '@kura/block-index'
import { settings as frontendSettings } from '@kura/frontend'
import {
  resolveSettings,
  variableName,
  type Environment,
  type ServiceSettings,
  type SettingsShape,
} from '@kura/runtime'
import { settings as storageNodeSettings } from '@kura/storage-node'
import { fuzzDecoder } from '@kura/testkit'
import { settings as volumeManagerSettings } from '@kura/volume-manager'
import { settings as zoneMasterSettings } from '@kura/zone-master'

const COMMON = 'pocket=local\nzone=a\ndataDir=/data\nrpcAddress=[::1]:0\nlogLevel=debug'
const FILE = '# settings\npocket = "local"\nrpc_address = "[::1]:0" # any\nstop_with_stdin = true\n'
const ENVIRONMENT_WORDS = ['\n', '=', '0x10', '1e3', '-0', ' 7', 'NaN', 'true', '__proto__']
const FILE_WORDS = ['\n', ' = ', '"', '"""', "'", '[', ']', '{', '#', '.', '\\u0000', 'inf', '1e3']
/** More lines only cost time: each is looked at alone. */
const SIZE_BYTES_MAX = 512

/** Lines `key=value`, each a variable of the service. */
function parseEnvironment(text: string, service: string): Environment {
  const lines = text.split('\n').map((line) => line.split('='))
  return Object.fromEntries(
    lines.map(([key = '', ...rest]) => [variableName(service, key), rest.join('=')]),
  )
}

/** `own` are settings besides those that all services have. */
function fuzzEnvironment<S extends SettingsShape>(settings: ServiceSettings<S>, own: string): void {
  const { service } = settings
  it(`any environment of ${service} gives settings or a typed error`, async () => {
    const result = await fuzzDecoder({
      name: `environment of ${service}`,
      decode: (bytes) =>
        resolveSettings(settings, { env: parseEnvironment(bytes.toString(), service) }).values,
      seeds: [COMMON, own, `${COMMON}\n${own}`].map((text) => Buffer.from(text)),
      words: ENVIRONMENT_WORDS,
      sizeBytesMax: SIZE_BYTES_MAX,
    })
    expect(result.corpusCount).toBeGreaterThan(3)
  })
}

fuzzEnvironment(blockIndexSettings, 'instance=1\ntMinMs=5000')
fuzzEnvironment(frontendSettings, 'blockAddress=127.0.0.1:1\nlargeSlabs=8\nsmallSlabs=0')
fuzzEnvironment(storageNodeSettings, 'cellId=1\nosdId=3\nrack=r1\nscrubPeriodMs=10')
fuzzEnvironment(
  volumeManagerSettings,
  'cellId=1\nopenVolumes=4\nopenVolumesMax=12\nsilenceMs=900000',
)
fuzzEnvironment(zoneMasterSettings, 'instance=1')

// What a file's lines give is decided by the same code for every service.
it('any settings file gives settings or a typed error', async () => {
  const own = 'cell_id = 1\nosd_id = 3\nrack = "r1"\nscrub_period_ms = 10'
  const result = await fuzzDecoder({
    name: 'settings file',
    decode: (bytes) =>
      resolveSettings(storageNodeSettings, { file: { path: 'f.toml', text: bytes.toString() } })
        .values,
    seeds: [FILE, own, `${FILE}${own}`].map((text) => Buffer.from(text)),
    words: FILE_WORDS,
    sizeBytesMax: SIZE_BYTES_MAX,
  })
  expect(result.corpusCount).toBeGreaterThan(3)
})
