import { crc32 } from 'node:zlib'
import { HistoryError } from '../history-error.ts'

/*
 * The header of a segment:
 *
 *   8 bytes `TBUSLOG\n` · u32 format version · u32 CRC-32 of the other 28 bytes · f64 first sequence number · f64 when it
 *   was made (ms)
 *
 * In format 1 the checksum is 0. From 2 on each version has it there: so a header that is damaged is told from one that is
 * newer.
 */

const magic = 'TBUSLOG\n'
const formatVersion = 2

/** Bytes of a segment's header. */
export const segmentHeaderBytes = 32

/** What a segment's header says. */
export interface SegmentHeader {
  /** When the segment was begun, in milliseconds since the epoch. */
  readonly createdMs: number
  /** Does a checksum say that this is what was written? */
  readonly isChecked: boolean
}

/** The header of a segment. */
export function encodeSegmentHeader(first: number, createdMs: number): Buffer {
  const header = Buffer.alloc(segmentHeaderBytes)
  header.write(magic, 'latin1')
  header.writeUInt32LE(formatVersion, 8)
  header.writeDoubleLE(first, 16)
  header.writeDoubleLE(createdMs, 24)
  header.writeUInt32LE(checksumOf(header), 12)
  return header
}

/**
 * Reads the header of a segment; undefined if it is none, or damaged.
 *
 * @param path for the error's text
 * @throws HistoryError if it has a newer format
 */
export function readSegmentHeader(header: Buffer, path: string): SegmentHeader | undefined {
  if (header.length < segmentHeaderBytes || !isSegmentStart(header)) return undefined
  const version = header.readUInt32LE(8)
  const checksum = header.readUInt32LE(12)
  const isChecked = checksum === checksumOf(header)
  if (!isChecked && !(version === 1 && checksum === 0)) return undefined
  if (version > formatVersion) {
    throw new HistoryError(
      `${path} was made by a newer version of threatbus (format ${version}, this one knows ${formatVersion}): use that version, or choose another history.path`,
    )
  }
  return { createdMs: header.readDoubleLE(24), isChecked }
}

/** Do these bytes begin like a segment? Of its first eight there may be less. */
export function isSegmentStart(bytes: Buffer): boolean {
  return magic.startsWith(bytes.toString('latin1', 0, magic.length))
}

function checksumOf(header: Buffer): number {
  return crc32(header.subarray(16, segmentHeaderBytes), crc32(header.subarray(0, 12)))
}
