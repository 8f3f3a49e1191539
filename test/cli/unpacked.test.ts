// What is made of the bytes of an input before they are read as JSON.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as zlib from 'node:zlib'
import fc from 'fast-check'
import { UnreadableInput, unpacked } from '../../src/cli/unpacked.ts'

/** An input that arrives in pieces, cut at these places. */
async function* cut(bytes: Buffer, cuts: readonly number[] = []) {
  const places = [...cuts.map(place => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  let start = 0
  for (const end of places) {
    yield bytes.subarray(start, end)
    start = end
  }
}

async function contentOf(bytes: Buffer, cuts: readonly number[] = []): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of unpacked(cut(bytes, cuts))) chunks.push(chunk)
  return `${Buffer.concat(chunks)}`
}

/** A frame of zstd (RFC 8878, section 3.1.1) whose content stands in it as it is, in one block. */
function zstdFrame(content: string): Buffer {
  const size = Buffer.alloc(4)
  size.writeUInt32LE(content.length)
  const block = (content.length << 3) | 1
  const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, ...size, block & 0xff, (block >> 8) & 0xff, block >> 16])
  return Buffer.concat([header, Buffer.from(content)])
}

const json = fc
  .array(fc.jsonValue(), { minLength: 1 })
  .map(values => `[${values.map(value => JSON.stringify(value)).join(',\n')}]\n`)

test('JSON comes as it is, and unpacked if it is packed with gzip, however it is cut on its way', async () => {
  await fc.assert(
    fc.asyncProperty(json, json, fc.array(fc.nat()), async (one, two, cuts) => {
      assert.equal(await contentOf(Buffer.from(one), cuts), one)
      assert.equal(await contentOf(zlib.gzipSync(one), cuts), one)
      // One after the other, as of a file that was added to.
      assert.equal(await contentOf(Buffer.concat([zlib.gzipSync(one), zlib.gzipSync(two)]), cuts), one + two)
    }),
  )
})

test('zstd is unpacked where Node can, and named where it can not', async () => {
  const content = '{"type":"indicator"}\n'
  if ('createZstdDecompress' in zlib) assert.equal(await contentOf(zstdFrame(content)), content)
  else
    await assert.rejects(
      contentOf(zstdFrame(content)),
      /packed with zstd, which Node \d[\d.]+ can't unpack.*`zstd -dc FILE/,
    )
})

test('what may be broken JSON is left to who reads JSON', async () => {
  for (const text of [
    '',
    '{',
    'nonsense',
    'null',
    '5\n6\n',
    '"a, b"\n',
    'x\n{"a":1,\n"b":2}\n',
    '\ufeff \n[1,2]',
    '{"a,b":1}\n{"a,b":2}',
  ]) {
    assert.equal(await contentOf(Buffer.from(text)), text)
  }
})

const name = 'feed.json'.padEnd(257, '\0')
const wide = '{"type": "indicator"}'

/** The beginnings of other formats, and what is said of them. */
const foreign: readonly (readonly [string | Buffer, RegExp])[] = [
  [Buffer.from('PK\x03\x04\x14\0\0\0\b\0', 'latin1'), /a zip archive: unpack it/],
  [`${name}ustar\x0000`.padEnd(1024, '\0'), /a tar archive: unpack it/],
  [Buffer.from('\xfd7zXZ\0\0\x04', 'latin1'), /packed with xz/],
  ['BZh91AY&SY', /packed with bzip2/],
  [Buffer.from('7z\xbc\xaf\x27\x1c\0\x04', 'latin1'), /a 7-Zip archive/],
  ['Rar!\x1a\x07\x01\0', /a RAR archive/],
  ['%PDF-1.7\n', /a PDF document/],
  [Buffer.from(`\ufeff${wide}`, 'utf16le'), /UTF-16 text/],
  [Buffer.from(wide, 'utf16le'), /UTF-16 text/],
  [Buffer.from(`\ufeff${wide}`, 'utf16le').swap16(), /UTF-16 text/],
  [Buffer.from(wide, 'utf16le').swap16(), /UTF-16 text/],
  [Buffer.from([...wide].flatMap(letter => [letter.charCodeAt(0), 0, 0, 0])), /UTF-32 text/],
  ['\n<!DOCTYPE html>\n<html lang="en"><title>404</title>', /a web page/],
  ['<?xml version="1.0"?>\n<stix:STIX_Package', /XML, as STIX 1 was/],
  ['type,value\nipv4,198.51.100.1\nipv4,198.51.100.2\n', /CSV/],
  ['# a feed\n# of today\n"198.51.100.1","a, b; c"\n"198.51.100.2","d"', /CSV/],
  [`indicator;first;${'x'.repeat(600)}`, /CSV/],
]

test('another format is named, with what to do, also when it is packed', async () => {
  for (const [content, sentence] of foreign) {
    const bytes = Buffer.from(content)
    for (const input of [bytes, zlib.gzipSync(bytes)]) {
      for (const cuts of [[], [1, 2, 3, 4, 5, 300]]) {
        await assert.rejects(contentOf(input, cuts), (error: Error) => {
          assert.ok(error instanceof UnreadableInput)
          assert.match(error.message, sentence)
          assert.doesNotMatch(error.message, /\n/)
          return true
        })
      }
    }
  }
  await assert.rejects(contentOf(zlib.gzipSync(zlib.gzipSync('[]'))), /packed more than once/)
})

test('what is packed and cut off or damaged is said to be that', async () => {
  const packed = zlib.gzipSync(JSON.stringify(Array.from({ length: 1000 }, (_, n) => n * n)))
  const damaged = Buffer.from(packed)
  damaged.fill(0xff, 200, 210)
  for (const bytes of [packed.subarray(0, -20), damaged]) {
    await assert.rejects(contentOf(bytes), (error: Error) => {
      assert.ok(error instanceof UnreadableInput)
      assert.match(error.message, /^it can't be unpacked to its end: /)
      return true
    })
  }
})

test('however much an input unpacks to, it comes a piece at a time, and no more of it is read than that needs', async () => {
  const member = zlib.gzipSync(Buffer.alloc(10_000_000, ' '))
  const packed = Buffer.concat(Array.from({ length: 100 }, () => member))
  let given = 0
  async function* slowly() {
    for (let at = 0; at < packed.length; at += 1000) {
      given += 1000
      yield packed.subarray(at, at + 1000)
    }
  }
  let bytes = 0
  for await (const chunk of unpacked(slowly())) {
    assert.ok(chunk.length <= 65_536)
    bytes += chunk.length
    if (bytes > 1_000_000) break
  }
  assert.ok(given < packed.length / 2, `${given} of ${packed.length}`)
})

test('what goes wrong with the reading itself is not taken for a fault of what is packed', async () => {
  const failure = Object.assign(new Error('EIO'), { code: 'EIO', syscall: 'read' })
  async function* failing() {
    yield zlib.gzipSync('[{}]').subarray(0, 15)
    throw failure
  }
  await assert.rejects(async () => {
    for await (const chunk of unpacked(failing())) void chunk
  }, failure)
})
