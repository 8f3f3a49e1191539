import { pipeline, type Transform } from 'node:stream'
import * as zlib from 'node:zlib'
import { type ForeignFormat, formatOf, headBytes, showsFormat, whatToDo } from './input-format.ts'

/** Thrown when an input is nothing that can be read, or can't be unpacked. Its message says what it is, and what to do. */
export class UnreadableInput extends Error {}

/** Bytes that are unpacked at a time. */
const chunkSize = 65_536

/**
 * An input as it is, or unpacked if it is packed with gzip or zstd: a piece at a time, so that no more is held however much it
 * unpacks to. Throws {@link UnreadableInput} if it can't be unpacked, or is something else than JSON as far as that shows in
 * how it begins.
 */
export async function* unpacked(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  const input = await beginningOf(chunks)
  const format = formatOf(input.head)
  if (format !== 'gzip' && format !== 'zstd') {
    refuseForeign(format)
    yield* input.all
    return
  }
  const content = await beginningOf(through(input.all, unpackerOf(format)))
  const inner = formatOf(content.head)
  if (inner === 'gzip' || inner === 'zstd') throw new UnreadableInput('it is packed more than once: unpack it first')
  refuseForeign(inner)
  yield* content.all
}

function refuseForeign(format: ForeignFormat | undefined): void {
  if (format !== undefined) throw new UnreadableInput(whatToDo[format])
}

/** The first bytes of an input, and all of it. */
async function beginningOf(chunks: AsyncIterable<Buffer>): Promise<{ head: Buffer; all: AsyncGenerator<Buffer> }> {
  const iterator = chunks[Symbol.asyncIterator]()
  let head: Buffer = Buffer.alloc(0)
  while (!showsFormat(head)) {
    const { done, value } = await iterator.next()
    if (done) break
    head = Buffer.concat([head, value])
  }
  async function* all(): AsyncGenerator<Buffer, void> {
    try {
      yield head
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value
    } finally {
      await iterator.return?.()
    }
  }
  return { head: head.subarray(0, headBytes), all: all() }
}

function unpackerOf(format: 'gzip' | 'zstd'): Transform {
  if (format === 'gzip') return zlib.createGunzip({ chunkSize })
  // Node has it from 22.15 and 23.8 on.
  const { createZstdDecompress } = zlib as { createZstdDecompress?: (options: object) => Transform }
  if (createZstdDecompress !== undefined) return createZstdDecompress({ chunkSize })
  throw new UnreadableInput(
    `this is packed with zstd, which Node ${process.versions.node} can't unpack, and 22.15 can: unpack it first (\`zstd -dc FILE | threatbus publish -\`)`,
  )
}

async function* through(chunks: AsyncIterable<Buffer>, unpacker: Transform): AsyncGenerator<Buffer, void> {
  try {
    // What goes wrong ends the reading from `unpacker`.
    yield* pipeline(chunks, unpacker, () => {})
  } catch (error) {
    // Codes of zlib and zstd; others are of who reads the input.
    const isPacking = error instanceof Error && 'code' in error && /^Z(?:STD)?_/.test(`${error.code}`)
    throw isPacking ? new UnreadableInput(`it can't be unpacked to its end: ${error.message}`) : error
  }
}
