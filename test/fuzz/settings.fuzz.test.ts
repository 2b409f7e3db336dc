import { expect, it } from 'vitest'
import { parseConfig as parseBlockIndexConfig } from '@kura/block-index'
import { parseConfig as parseFrontendConfig } from '@kura/frontend'
import type { Environment } from '@kura/runtime'
import { parseConfig as parseStorageNodeConfig } from '@kura/storage-node'
import { fuzzDecoder } from '@kura/testkit'
import { parseConfig as parseVolumeManagerConfig } from '@kura/volume-manager'
import { parseConfig as parseZoneMasterConfig } from '@kura/zone-master'

interface Service {
  readonly name: string
  readonly parse: (env: Environment) => object
  /** Settings besides those that all services have. */
  readonly settings: string
}

const SERVICES: readonly Service[] = [
  { name: 'BLOCK_INDEX', parse: parseBlockIndexConfig, settings: 'INSTANCE=1\nT_MIN_MS=5000' },
  {
    name: 'FRONTEND',
    parse: parseFrontendConfig,
    settings: 'BLOCK_ADDRESS=127.0.0.1:1\nLARGE_SLABS=8\nSMALL_SLABS=0',
  },
  {
    name: 'STORAGE_NODE',
    parse: parseStorageNodeConfig,
    settings: 'CELL_ID=1\nOSD_ID=3\nRACK=r1\nSCRUB_PERIOD_MS=10',
  },
  {
    name: 'VOLUME_MANAGER',
    parse: parseVolumeManagerConfig,
    settings: 'CELL_ID=1\nOPEN_VOLUMES=4\nOPEN_VOLUMES_MAX=12\nSILENCE_MS=900000',
  },
  { name: 'ZONE_MASTER', parse: parseZoneMasterConfig, settings: 'INSTANCE=1' },
]
const COMMON = 'POCKET=local\nZONE=a\nDATA_DIR=/data\nRPC_ADDRESS=[::1]:0\nLOG_LEVEL=debug'
const WORDS = ['\n', '=', '0x10', '1e3', '-0', ' 7', 'NaN', 'true', '__proto__', 'toString']

/** Lines `NAME=value`, each a variable of the service. */
function parseEnvironment(text: string, name: string): Environment {
  const lines = text.split('\n').map((line) => line.split('='))
  return Object.fromEntries(
    lines.map(([key = '', ...rest]) => [`KURA_${name}_${key}`, rest.join('=')]),
  )
}

for (const { name, parse, settings } of SERVICES) {
  it(`any environment of ${name} gives settings or a typed error`, () => {
    const result = fuzzDecoder({
      name: `settings of ${name}`,
      decode: (bytes) => parse(parseEnvironment(bytes.toString(), name)),
      seeds: [COMMON, settings, `${COMMON}\n${settings}`].map((text) => Buffer.from(text)),
      words: WORDS,
    })
    expect(result.corpusCount).toBeGreaterThan(3)
  })
}

it('a cell id is written in digits alone', () => {
  for (const text of ['0x10', '1e2', ' 7', '7.0', '']) {
    const env = { KURA_VOLUME_MANAGER_CELL_ID: text }
    expect(() => parseVolumeManagerConfig(env)).toThrow(
      expect.objectContaining({ code: 'setting-invalid' }),
    )
  }
})
