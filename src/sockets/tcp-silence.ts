import { createReadStream } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'

/** The two ends of a connection. */
export interface ConnectionEnds {
  readonly localPort: number
  readonly remoteAddress: string
  readonly remotePort: number
}

/** Where Linux lists connections, and in which columns. */
const linuxTables = ['/proc/net/tcp', '/proc/net/tcp6']
const columns = { local: 1, remote: 2, queues: 4, retransmissions: 6, probes: 8 }

/** A table is read in pieces of so many bytes. */
const pieceBytes = 65_536

/**
 * So many repetitions in a row that the other system left without a word: of what it was sent, or of the question whether
 * it has room again.
 */
const unansweredTries = 3

/** Of the time no more than a part in so many goes into reading the tables, however long they are. */
const readingShare = 20

/** Nobody is known to be silent. */
const nobody = () => false

/**
 * Finds out which connections are silent: this system has sent bytes, repeats them, and the other one says nothing at all.
 * Where the system can't be asked (no Linux), none is known to be.
 *
 * A peer that reads slowly is not silent: its system acknowledges what there is room for, and answers that there is none.
 */
export class TcpSilence {
  readonly #tables: readonly string[]
  readonly #now: () => number
  #isReading = false
  #nextReadingMs = Number.NEGATIVE_INFINITY

  /**
   * @param tables files that list connections as Linux does
   * @param now a clock in milliseconds
   */
  constructor(tables: readonly string[] = linuxTables, now: () => number = () => performance.now()) {
    this.#tables = tables
    this.#now = now
  }

  /**
   * Looks which connections are silent now. The tables have a line for each connection of this machine, strangers' included:
   * they are read piece by piece, never twice at once, and not again soon after they took long. Whoever asks in between
   * hears of nobody, and asks again some time.
   */
  async look(): Promise<(ends: ConnectionEnds) => boolean> {
    const beganMs = this.#now()
    if (this.#isReading || beganMs < this.#nextReadingMs) return nobody
    this.#isReading = true
    try {
      const silent = new Set<string>()
      for (const table of this.#tables) await readSilent(table, silent)
      return ({ localPort, remoteAddress, remotePort }) => {
        return addressForms(remoteAddress).some(address => silent.has(`${localPort} ${address}:${hex(remotePort, 4)}`))
      }
    } finally {
      this.#isReading = false
      this.#nextReadingMs = this.#now() + (this.#now() - beganMs) * readingShare
    }
  }
}

/** Adds the ends of a table's silent connections. Each piece of it is read in a turn of the event loop. */
async function readSilent(table: string, silent: Set<string>): Promise<void> {
  let rest = ''
  try {
    for await (const piece of createReadStream(table, { encoding: 'latin1', highWaterMark: pieceBytes })) {
      const lines = (rest + piece).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const fields = line.trim().split(/ +/)
        if (isSilent(fields)) silent.add(`${portOf(fields[columns.local])} ${fields[columns.remote]}`)
      }
      await nextTurn()
    }
  } catch {
    // There is no such table here.
  }
}

function isSilent(fields: readonly string[]): boolean {
  const unsent = Number.parseInt(fields[columns.queues] ?? '', 16)
  const tries = Number.parseInt(fields[columns.retransmissions] ?? '', 16)
  const probes = Number(fields[columns.probes])
  return unsent > 0 && Math.max(tries, probes) >= unansweredTries
}

function portOf(end = ''): number {
  return Number.parseInt(end.slice(end.indexOf(':') + 1), 16)
}

/** An address as it may stand in the tables: each four bytes as a number of a little-endian machine. */
function addressForms(address: string): readonly string[] {
  const v4 = address.replace(/^::ffff:/i, '')
  if (!v4.includes(':')) {
    const bytes = v4.split('.').map(Number).toReversed()
    const word = bytes.map(byte => hex(byte, 2)).join('')
    return [word, `0000000000000000FFFF0000${word}`]
  }
  const groups = expanded(address.replace(/%.*$/, ''))
  const bytes = groups.flatMap(group => [group.slice(0, 2), group.slice(2)])
  const words = [0, 4, 8, 12].map(at =>
    bytes
      .slice(at, at + 4)
      .toReversed()
      .join(''),
  )
  return [words.join('').toUpperCase()]
}

/** The eight groups of an IPv6 address, with four digits each. */
function expanded(address: string): readonly string[] {
  const [head = '', tail = ''] = address.split('::')
  const before = head.split(':').filter(group => group !== '')
  const after = tail.split(':').filter(group => group !== '')
  const missing = Array.from({ length: 8 - before.length - after.length }, () => '0')
  return [...before, ...missing, ...after].map(group => group.padStart(4, '0'))
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0')
}
