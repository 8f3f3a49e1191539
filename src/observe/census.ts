import type { StateValue } from 'xstate'
import { inSlices } from '../turns/slices.ts'
import {
  type ConnectionFlow,
  type ConnectionPeer,
  connectionFlowOf,
  connectionPeerOf,
  type SubscriberState,
  subscriberStateOf,
} from './states.ts'

/** An actor as it is counted. */
interface CountedActor {
  readonly actor: { getSnapshot(): { readonly value: StateValue } }
}

/** A subscriber as it is counted. */
export interface Counted extends CountedActor {
  readonly queue: { readonly lag: number; readonly unsettledFrames: number; readonly unacknowledgedBytes: number }
  readonly connections: Iterable<CountedActor>
}

/** What waits for some subscribers: messages that they will be sent of what there is. */
export interface Waiting {
  readonly subscribers: number
  /** Over all of them. */
  readonly messages: number
  /** For the one for whom most waits. */
  readonly mostMessages: number
}

/** What was sent and is not known to be received, over all subscribers. */
export interface Unreceived {
  readonly messages: number
  readonly mostMessages: number
  /** Bytes that the libraries of their connections have not acknowledged. */
  readonly bytes: number
}

/** Subscribers by state: how many, and what waits for them. Their connections by what is done on them, and by their peers. */
export interface Census {
  readonly states: Readonly<Record<SubscriberState, Waiting>>
  readonly flows: Readonly<Record<ConnectionFlow, number>>
  readonly peers: Readonly<Record<ConnectionPeer, number>>
  readonly unreceived: Unreceived
}

/** Counts subscribers, some in each turn of the event loop: each as it is then. */
export async function takeCensus(subscribers: Iterable<Counted>): Promise<Census> {
  const states = emptyStates()
  const flows = {
    ...{ resuming: 0, locating: 0, unlocated: 0, flowing: 0, recording: 0 },
    ...{ waiting: 0, fetching: 0, unreadable: 0, held: 0 },
  }
  const peers = { asked: 0, acknowledging: 0, silent: 0 }
  const unreceived = { messages: 0, mostMessages: 0, bytes: 0 }
  await inSlices(subscribers, ({ actor, queue, connections }) => {
    const { value } = actor.getSnapshot()
    const counted = states[subscriberStateOf(value)]
    const { lag, unsettledFrames, unacknowledgedBytes } = queue
    counted.subscribers++
    counted.messages += lag
    counted.mostMessages = Math.max(counted.mostMessages, lag)
    unreceived.messages += unsettledFrames
    unreceived.mostMessages = Math.max(unreceived.mostMessages, unsettledFrames)
    unreceived.bytes += unacknowledgedBytes
    for (const connection of connections) {
      const { value: connected } = connection.actor.getSnapshot()
      const [flow, peer] = [connectionFlowOf(connected), connectionPeerOf(connected)]
      if (flow) flows[flow]++
      if (peer) peers[peer]++
    }
  })
  return { states, flows, peers, unreceived }
}

function emptyStates(): Record<SubscriberState, { subscribers: number; messages: number; mostMessages: number }> {
  const empty = () => ({ subscribers: 0, messages: 0, mostMessages: 0 })
  return {
    subscribing: empty(),
    replaying: empty(),
    gathering: empty(),
    live: empty(),
    never_joined: empty(),
    disconnected: empty(),
    heartbeat_stopped: empty(),
    broker_restarted: empty(),
    suspended: empty(),
  }
}
