import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { ZmtpError } from '../../src/sockets/zmtp/break-reason.ts'
import { commandFrame, readCommand } from '../../src/sockets/zmtp/command.ts'
import { encodeFrames, FrameReader } from '../../src/sockets/zmtp/frame-reader.ts'

/** As `node --expose-gc` gives it, here without the option. */
setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const maxFrameBytes = 200_000

/** What a reader makes of pieces. */
function read(pieces: Iterable<Buffer>): { body: Buffer; more: boolean; isCommand: boolean }[] {
  const frames: { body: Buffer; more: boolean; isCommand: boolean }[] = []
  const reader = new FrameReader(maxFrameBytes, frame => frames.push(frame))
  for (const piece of pieces) reader.read(piece)
  return frames
}

function* piecesOf(bytes: Buffer, lengths: readonly number[]): Generator<Buffer> {
  let at = 0
  for (let piece = 0; at < bytes.length; piece++) {
    const length = lengths[piece % lengths.length] as number
    yield bytes.subarray(at, at + length)
    at += length
  }
}

const bodies = fc.array(
  fc
    .oneof(fc.uint8Array({ maxLength: 400 }), fc.constantFrom(255, 256, 65_535, 65_536, 150_000, maxFrameBytes))
    .map(drawn => (typeof drawn === 'number' ? Buffer.alloc(drawn, drawn % 251) : Buffer.from(drawn))),
  { minLength: 1, maxLength: 8 },
)
const lengths = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1000, max: 70_000 })), {
  minLength: 1,
})

describe('a stream of frames', () => {
  test('gives the frames that were put in, in whatever pieces it comes', () => {
    fc.assert(
      fc.property(bodies, lengths, (bodies, lengths) => {
        const frames = read(piecesOf(encodeFrames(bodies), lengths))
        assert.deepEqual(
          frames.map(({ body }) => Buffer.from(body)),
          bodies,
        )
        assert.deepEqual(
          frames.map(({ more }) => more),
          bodies.map((_, index) => index < bodies.length - 1),
        )
      }),
    )
  })

  test('is what ZMTP says: a short frame, a long one, a command', () => {
    assert.equal(encodeFrames([Buffer.from('a'), Buffer.from('bc')]).toString('latin1'), '\x01\x01a\0\x02bc')
    assert.equal(
      encodeFrames([Buffer.alloc(256)])
        .subarray(0, 9)
        .toString('latin1'),
      '\x02\0\0\0\0\0\0\x01\0',
    )
    assert.equal(commandFrame('PONG', Buffer.from('x')).toString('latin1'), '\x04\x06\x04PONGx')
  })

  test('is refused at a frame that is longer than may be, when its header has come', () => {
    for (const header of ['02 00 00 00 00 00 03 0d 41', '02 00 00 00 01 00 00 00 01', '02 ff ff ff ff ff ff ff ff']) {
      assert.throws(() => read([Buffer.from(header.replaceAll(' ', ''), 'hex')]), ZmtpError)
    }
  })

  test('of any bytes is read or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1000 }), lengths, (bytes, lengths) => {
        try {
          for (const { isCommand, body } of read(piecesOf(Buffer.from(bytes), lengths)))
            if (isCommand) readCommand(body)
        } catch (error) {
          if (!(error instanceof ZmtpError)) throw error
        }
      }),
    )
  })

  test('keeps only the beginning of frames that are longer than may be kept, in whatever pieces they come', () => {
    fc.assert(
      fc.property(bodies, lengths, fc.nat({ max: 70_000 }), (bodies, lengths, keptBytes) => {
        const frames: Buffer[] = []
        const reader = new FrameReader(maxFrameBytes, ({ body }) => frames.push(Buffer.from(body)), keptBytes)
        for (const piece of piecesOf(encodeFrames(bodies), lengths)) reader.read(piece)
        assert.deepEqual(
          frames,
          bodies.map(body => body.subarray(0, keptBytes)),
        )
      }),
    )
  })

  test('holds no memory for what it does not keep', () => {
    const before = process.memoryUsage().arrayBuffers
    const readers = Array.from({ length: 100 }, () => new FrameReader(2 ** 28, () => {}, 500))
    const chunk = Buffer.alloc(65_536)
    for (const reader of readers) {
      reader.read(Buffer.from('020000000010000000', 'hex'))
      for (let count = 0; count < 100; count++) reader.read(chunk)
    }
    assert.ok(process.memoryUsage().arrayBuffers - before < 100 * 10_000)
  })

  test('holds little memory for a frame of which little has come', () => {
    const before = process.memoryUsage().arrayBuffers
    const readers = Array.from({ length: 1000 }, () => new FrameReader(2 ** 28, () => {}))
    for (const reader of readers) reader.read(Buffer.from('0200000000100000000a', 'hex'))
    assert.ok(process.memoryUsage().arrayBuffers - before < 1000 * 2000)
    for (const { heldBytes } of readers) assert.ok(heldBytes < 2000)
  })

  test('holds no more than twice what has come, and says how much', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 28 }), lengths, (length, lengths) => {
        const reader = new FrameReader(2 ** 28, () => {})
        const header = Buffer.from(`02${length.toString(16).padStart(16, '0')}`, 'hex')
        reader.read(header)
        assert.ok(reader.heldBytes > 0)
        let came = 0
        for (const piece of lengths) {
          if (came + piece >= length) break
          reader.read(Buffer.alloc(piece))
          came += piece
          assert.ok(reader.heldBytes >= came)
          assert.ok(reader.heldBytes <= 2 * came + 2000)
        }
      }),
    )
  })

  test('keeps nothing of what came before: neither with a header that is cut, nor with a frame', async () => {
    // Each read brings a whole frame and the beginning of another: what was read is as long as one read may be.
    for (const cut of ['02000000', '02000000001000000041']) {
      const readers = Array.from({ length: 100 }, () => new FrameReader(2 ** 28, () => {}))
      const before = process.memoryUsage().arrayBuffers
      for (const reader of readers) {
        reader.read(Buffer.concat([encodeFrames([Buffer.alloc(65_000)]), Buffer.from(cut, 'hex')]))
        assert.ok(reader.heldBytes > 0)
      }
      // Memory is given back in a thread of its own.
      const held = () => process.memoryUsage().arrayBuffers - before
      for (let tries = 0; tries < 100 && held() >= 100 * 4000; tries++) {
        collectGarbage()
        await nextTurn()
      }
      assert.ok(held() < 100 * 4000)
    }
  })

  test('holds nothing when all frames are whole', () => {
    fc.assert(
      fc.property(bodies, lengths, (bodies, lengths) => {
        const reader = new FrameReader(maxFrameBytes, () => {})
        for (const piece of piecesOf(encodeFrames(bodies), lengths)) reader.read(piece)
        assert.equal(reader.heldBytes, 0)
      }),
    )
  })
})
