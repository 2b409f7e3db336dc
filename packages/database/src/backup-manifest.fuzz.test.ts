import { expect, it } from 'vitest'
import { parseCellId, parsePocketId, parseZoneId } from '@kura/core'
import { fuzzDecoder } from '@kura/testkit'
import { decodeManifest, encodeManifest, type BackupManifest } from './backup-manifest.ts'

const manifest: BackupManifest = {
  ...{ pocket: parsePocketId('local'), zone: parseZoneId('a'), cellId: parseCellId(1) },
  kind: 'replication-table',
  incarnation: { number: 1, random: '0123456789abcdef' },
  ...{ epoch: 3, takenAtMs: 5, sizeBytes: 4096, sha256: 'ab'.repeat(32) },
}

it('any text as the manifest of a backup is one, which reads back, or a typed error', async () => {
  const result = await fuzzDecoder({
    name: 'backup manifest',
    decode: (bytes) => {
      const decoded = decodeManifest(bytes.toString())
      expect(decodeManifest(encodeManifest(decoded))).toEqual(decoded)
      return decoded
    },
    seeds: [Buffer.from(encodeManifest(manifest))],
    words: ['block-index', 'zone-registry', 'formatVersion', '__proto__', 'null', '1e999', '-1'],
  })
  expect(result.corpusCount).toBeGreaterThan(3)
})
