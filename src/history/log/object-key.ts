import { createHash } from 'node:crypto'
import { epochMicroseconds, isTimestamp } from '../../protocol/stix/timestamp.ts'

/** Bytes of an object's key. */
export const keyBytes = 16

/** How a key was made: keys of different kinds are never the same object. */
export type KeyKind = 'uuid' | 'hash'

const uuidLength = 36
const dash = 0x2d

/**
 * Writes the key of an object's id: the UUID itself where it stands behind the type, else a part of a hash of the id that
 * nobody can make collide. The type is no part of it.
 */
export function writeObjectKey(type: string, id: string, target: Buffer, offset: number): KeyKind {
  if (id.length === type.length + 2 + uuidLength && id.startsWith(type) && writeUuid(id, target, offset)) return 'uuid'
  createHash('sha256').update(id).digest().copy(target, offset, 0, keyBytes)
  return 'hash'
}

/** A UUID in lower-case digits after `type--`; any other spelling is another id. */
function writeUuid(id: string, target: Buffer, offset: number): boolean {
  const start = id.length - uuidLength
  if (id.charCodeAt(start - 1) !== dash || id.charCodeAt(start - 2) !== dash) return false
  let at = offset
  for (let index = start; index < id.length; index += 2) {
    const position = index - start
    if (position === 8 || position === 13 || position === 18 || position === 23) {
      if (id.charCodeAt(index) !== dash) return false
      index++
    }
    const high = digitOf(id.charCodeAt(index))
    const low = digitOf(id.charCodeAt(index + 1))
    if (high < 0 || low < 0) return false
    target[at++] = high * 16 + low
  }
  return true
}

function digitOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  return code >= 0x61 && code <= 0x66 ? code - 0x57 : -1
}

/**
 * A timestamp in microseconds since the epoch, to compare versions by; NaN if it is none. Digits beyond them are left out.
 * Exact from 1685 to 2255: of other years it may be the same for timestamps that are up to 32 microseconds apart.
 */
export function microsecondsOf(text: string): number {
  return isTimestamp(text) ? epochMicroseconds(text) : Number.NaN
}
