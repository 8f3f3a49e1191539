import type { Attack } from './attack.ts'
import { httpAttack } from './http.ts'
import { idleConnections } from './idle-connections.ts'
import { largeMessages } from './large-messages.ts'
import { longPrefixes } from './long-prefixes.ts'
import { longTopics } from './long-topics.ts'
import { manyConnections } from './many-connections.ts'
import { receipts } from './receipts.ts'
import { snapshots } from './snapshots.ts'
import { subscriptions } from './subscriptions.ts'
import { unfinishedFrames } from './unfinished-frames.ts'

/** Everything that strangers do here. */
export const attacks: readonly Attack[] = [
  unfinishedFrames,
  largeMessages,
  snapshots,
  receipts,
  longTopics,
  manyConnections,
  subscriptions,
  idleConnections,
  longPrefixes,
  httpAttack,
]
