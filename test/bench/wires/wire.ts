import type { Connection, Endpoint, OnMessage } from './connection.ts'

/** A protocol by which the same load can be put on different brokers. */
export interface Wire {
  /** Resolves when the subscription was sent, or is confirmed where the protocol does that. */
  readonly subscribe: (endpoint: Endpoint, topic: string, onMessage: OnMessage) => Promise<Connection>
  readonly connectPublisher: (endpoint: Endpoint) => Promise<Connection>
  /** What a publisher sends, byte for byte. */
  readonly message: (topic: string, body: Buffer) => Buffer
}
