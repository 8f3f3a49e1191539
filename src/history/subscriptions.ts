/** Stand-in until the journal is merged. */
export interface StoredSubscription {
  readonly topic: string
  readonly topics: readonly string[]
  readonly snapshot?: { readonly sinceMs: number; readonly from: number; readonly upTo: number } | undefined
  readonly exchanges: readonly string[]
  readonly position: number
  readonly frames: number
  readonly confirms: boolean
  readonly sendsHeartbeats: boolean
  readonly staleSinceMs?: number | undefined
}
