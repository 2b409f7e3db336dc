import { describe, expect, test } from 'vitest'
import { files, filesMatching, modeOf, readText, repositoryRoot, sizeOf } from './repository.ts'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

const COLUMNS_MAX = 100
const FILE_BYTES_MAX = 256 * 1024
const SOURCE = /\.(ts|mjs|cjs|js|proto|sh|sql)$|^\.ci\/run$/
const TEXT = /\.(ts|mjs|cjs|js|proto|sh|sql|md|json|yaml|env)$|^\.ci\/run$|^\.gitignore$/
const LOCK_FILES = new Set(['pnpm-lock.yaml', 'deploy/setup/toolchain/package-lock.json'])
/** This file names what it forbids. */
const SELF = 'test/tidy/source-text.test.ts'

const sources = filesMatching(SOURCE)
const programs = sources.filter(
  (path) => /^(packages|services)\/.*\.ts$/.test(path) && !/\.test\.ts$/.test(path),
)
const texts = filesMatching(TEXT).filter((path) => !LOCK_FILES.has(path))

/** `path:line` of every line of `paths` that `isBad`. */
function findLines(paths: readonly string[], isBad: (line: string) => boolean): string[] {
  return paths
    .filter((path) => path !== SELF)
    .flatMap((path) =>
      readText(path)
        .split('\n')
        .flatMap((line, index) => (isBad(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
    )
}

describe('lines', () => {
  test('no line of source is longer than 100 columns', () => {
    // A test's name stays on the line of its call, however long the sentence is.
    const isTestName = (line: string): boolean => /^\s*(test|it|describe)\b.*\(['"`]/.test(line)
    const isLong = (line: string): boolean => [...line].length > COLUMNS_MAX
    expect(findLines(sources, (line) => isLong(line) && !isTestName(line))).toEqual([])
  })

  test('there are no tabs and no trailing blanks', () => {
    expect(findLines(texts, (line) => /\t|[ \t\r]$/.test(line))).toEqual([])
  })

  test('every file ends with one newline', () => {
    expect(texts.filter((path) => !/[^\n]\n$/.test(readText(path)))).toEqual([])
  })
})

describe('names', () => {
  test('a name says what is inside: no utils, helpers, common, misc, manager2', () => {
    const vague = /(^|\/)(utils?|helpers?|common|misc|\w*manager2|stuff)(\.[a-z.]+|\/)/
    const named = sources.filter((path) => !path.startsWith('proto/') && vague.test(path))
    expect(named, 'name the file for the one thing it exports').toEqual([])
  })

  test('nothing is new- beside what it replaces', () => {
    const replacing = files.filter(
      (path) => /(^|\/)new-/.test(path) && files.includes(path.replace(/(^|\/)new-/, '$1')),
    )
    expect(replacing).toEqual([])
  })

  test('files are named in kebab-case', () => {
    const odd = sources.filter((path) =>
      /[A-Z_]/.test(
        path
          .replace(/^proto\//, '')
          .split('/')
          .at(-1) ?? '',
      ),
    )
    expect(odd.filter((path) => !path.startsWith('proto/'))).toEqual([])
  })

  test('the concepts have one name each', () => {
    const synonyms =
      /\b(BlobId|ObjectId|ChunkId|ShardId|PartitionId|SegmentId|NeedleId|ReplicaSetId|GroupId|VolumeServer|ClusterId|DatacentreId|DatacenterId|TombstoneId|PlacementDb|MetadataDb)\b/
    expect(findLines(sources, (line) => synonyms.test(line))).toEqual([])
    const folders =
      /(^|\/)(blobs?|objects?|chunks?|shards?|segments?|needles?|clusters?|tombstones?)\//
    expect(files.filter((path) => folders.test(path))).toEqual([])
  })
})

describe('words', () => {
  test('notes to come name their issue, and repairs to come do not merge', () => {
    expect(
      findLines(sources, (line) => /\bFIXME\b|\bXXX\b|\bTODO\b(?!\(#\d+\):)/.test(line)),
    ).toEqual([])
  })

  test('programs log; they do not print to the console', () => {
    expect(findLines(programs, (line) => /\bconsole\.\w+\(/.test(line))).toEqual([])
  })

  test('no test is skipped, singled out or promised', () => {
    const marked = /\b(describe|test|it)(\.\w+)*\.(skip|only|todo|skipIf|runIf|fails)\b/
    expect(findLines(filesMatching(/\.test\.ts$/), (line) => marked.test(line))).toEqual([])
  })
})

describe('documents', () => {
  const documents = filesMatching(/\.md$/)

  test('each has one title', () => {
    const odd = documents.filter((path) => {
      const prose = readText(path).replaceAll(/^```[\s\S]*?^```/gm, '')
      return (prose.match(/^# /gm) ?? []).length !== 1
    })
    expect(odd).toEqual([])
  })

  test('their links lead somewhere', () => {
    const dead = documents.flatMap((path) =>
      [...readText(path).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
        .map((match) => match[1] ?? '')
        .filter((link) => !existsSync(join(repositoryRoot, dirname(path), link)))
        .map((link) => `${path}: ${link}`),
    )
    expect(dead).toEqual([])
  })
})

describe('files', () => {
  test('none is larger than 256 KiB, golden files apart', () => {
    const large = files.filter((path) => !path.includes('golden/') && sizeOf(path) > FILE_BYTES_MAX)
    expect(large).toEqual([])
  })

  test('what can be executed says by what', () => {
    const executables = files.filter((path) => (modeOf(path) & 0o111) !== 0)
    expect(executables.filter((path) => !readText(path).startsWith('#!'))).toEqual([])
  })
})
