import type { MessageStore } from '../delivery/message-store.ts'
import type { StoredSubscription } from './subscriptions.ts'

/** What a broker keeps on disk. */
export interface History {
  readonly store: MessageStore
  readonly subscriptions: {
    records(): Iterable<StoredSubscription>
    put(record: StoredSubscription): void
    move(topic: string, position: number, frames: number): void
    remove(topic: string): void
    written(): Promise<void>
  }
  isFailing(): boolean
  /** Calls back after each write. */
  onWritten(listen: () => void): void
  /** Fulfilled at once unless more waits to be written than may; then when there is room, or writing fails. */
  keepsUp(): Promise<void>
  close(): Promise<void>
}
