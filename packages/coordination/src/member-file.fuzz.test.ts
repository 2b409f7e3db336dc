import { expect, it } from 'vitest'
import { fuzzDecoder } from '@kura/testkit'
import { parseMembers } from './address-cache-file.ts'
import { decodeMember, encodeMember, memberFileName } from './member-file.ts'

const addresses = { rpc: '127.0.0.1:1', block: '[::1]:2' }
const member = { kind: 'storage-node', id: '1-3', addresses } as const
const WORDS = ['formatVersion', '__proto__', 'null', '1e999', '-1', '[', '{', '"', 'frontend']

it('any text as a member file is a member, whose id is a file name, or a typed error', async () => {
  const result = await fuzzDecoder({
    name: 'member file',
    decode: (bytes) => {
      const announced = decodeMember(bytes.toString())
      memberFileName(announced.member.id)
      expect(decodeMember(encodeMember(announced))).toEqual(announced)
      return announced
    },
    seeds: [Buffer.from(encodeMember({ member, token: 'abc' }))],
    words: WORDS,
  })
  expect(result.corpusCount).toBeGreaterThan(3)
})

it('any text as a cache of addresses is a list of members or a typed error', async () => {
  const result = await fuzzDecoder({
    name: 'address cache',
    decode: (bytes) => parseMembers(bytes.toString()),
    seeds: [Buffer.from(JSON.stringify({ formatVersion: 1, members: [member, member] }))],
    words: WORDS,
  })
  expect(result.corpusCount).toBeGreaterThan(3)
})
