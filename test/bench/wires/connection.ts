import { connect } from 'node:net'

/** Where to connect to. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** Hears each message's body: it is `buffer` from `start` to `end`, and only until the handler returns. */
export type OnMessage = (buffer: Buffer, start: number, end: number) => void

/** A connection that is ready for messages. */
export interface Connection {
  /** Sends bytes that are whole messages already. */
  readonly write: (messages: Buffer) => void
  readonly close: () => void
}

/** Takes what is complete of `memory` from `start` to `end`, and returns where the incomplete rest begins. */
export type Take = (memory: Buffer, start: number, end: number) => number

/** What a protocol can do with its connection. */
export interface Talk {
  readonly write: (bytes: Buffer) => void
  /** Says that everything is agreed upon: messages may flow. */
  readonly ready: () => void
  /** Gives the connection up: an error of the attempt before it is ready, an error at large afterwards. */
  readonly fail: (error: Error) => void
}

/** What a message may be long at most: everything that is measured here is shorter by far. */
const longestMessage = 64 * 1024

/**
 * All connections of a thread read into the same memory, since what was read is used up before the next read. An
 * unfinished message is kept by its connection, and put back in front of what is read next.
 *
 * The load generator does without the protocols' client libraries because it shares its machine with the broker that it
 * measures: taking a message out of a byte stream costs a small part of what they do for each.
 */
const memory = Buffer.allocUnsafe(longestMessage + 256 * 1024)
const readArea = memory.subarray(longestMessage)

/** Connects, and resolves when `begin`'s protocol is ready. A connection that is lost later is an error at large. */
export function connectTo({ host, port }: Endpoint, begin: (talk: Talk) => Take): Promise<Connection> {
  return new Promise((resolve, reject) => {
    let phase: 'opening' | 'ready' | 'closed' = 'opening'
    let kept = Buffer.alloc(0)
    let keptLength = 0

    const socket = connect({ host, port, noDelay: true, onread: { buffer: readArea, callback: takeChunk } })
    const write = (bytes: Buffer) => void socket.write(bytes)
    const take = begin({ write, ready, fail })
    socket.on('error', fail)
    socket.on('close', () => fail(new Error('the broker closed the connection')))

    function takeChunk(length: number): boolean {
      const start = longestMessage - keptLength
      const end = longestMessage + length
      kept.copy(memory, start, 0, keptLength)
      const used = take(memory, start, end)
      keptLength = end - used
      if (keptLength > longestMessage) fail(new Error(`the broker sent a message of more than ${longestMessage} bytes`))
      else if (keptLength > 0) {
        if (kept.length < keptLength) kept = Buffer.allocUnsafe(2 * keptLength)
        memory.copy(kept, 0, used, end)
      }
      return true
    }

    function ready(): void {
      if (phase !== 'opening') return
      phase = 'ready'
      resolve({ write, close })
    }

    function fail(error: Error): void {
      if (phase === 'closed') return
      const wasReady = phase === 'ready'
      close()
      if (wasReady) throw error
      reject(error)
    }

    function close(): void {
      phase = 'closed'
      socket.destroy()
    }
  })
}
