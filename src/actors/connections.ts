import { type AnyActorRef, createActor } from 'xstate'
import type { connectionChart } from '../../machines/connection.ts'
import type { Line } from '../delivery/delivery.ts'
import type { Egress } from '../delivery/egress.ts'
import type { Queue } from '../delivery/queue.ts'
import type { Supplies } from '../delivery/supplies.ts'
import { type Wanted, wantedBy } from '../delivery/wanted.ts'
import { shortened } from '../protocol/topics.ts'
import type { Connection } from './connection.ts'

/** What a subscriber's connections need. */
export interface ConnectionsSurroundings {
  readonly egress: Egress
  /** Undefined if there is no history. */
  readonly supplies: Supplies | undefined
  /** The connections' chart, and the actor that they belong to. */
  logic(): typeof connectionChart
  subscriber(): AnyActorRef
  /** Has the subscriber not left? */
  isThere(): boolean
  /** A connection is subscribed to the topic; of several, once for each. */
  joined(): void
  /** None is any more. */
  left(): void
  /** So many bytes more are known to be received. */
  received(bytes: number): void
  /** What has to outlive the process has changed. */
  changed(): void
  /** Less may wait for it, or be on its way to it, than before. */
  progressed(): void
  /** One had to leave the topic for a newer one. */
  crowdedOut(): void
}

/** What the `pub` endpoint tells of one connection. */
export interface ConnectionEvents {
  /** May it subscribe to the topic now? Not if many have lately. */
  readonly mayJoin: boolean
  /** It is subscribed to the topic followed by one of these prefixes; to nothing, if there are none. */
  wants(prefixes: readonly string[]): void
  /** Its peer answered this PING. */
  acknowledged(ping: number): void
  /** It had no room, and may have now. */
  drained(): void
  /** It is no more. */
  closed(): void
}

/**
 * So many connections may join a topic in so many milliseconds; more wait. Each may crowd out another, which comes back at once:
 * two that do that to each other have no time for it.
 */
const maxJoins = 16
const joinsMs = 1000

/** The connections of one subscriber. Their actors serve again and again: most subscribers have one connection after the other. */
export class Connections implements Iterable<Connection> {
  readonly #queue: Queue
  readonly #surroundings: ConnectionsSurroundings
  readonly #connections: Connection[] = []
  /** Connections that joined since then. */
  #joins = 0
  #sinceMs = Number.NEGATIVE_INFINITY

  constructor(queue: Queue, surroundings: ConnectionsSurroundings) {
    this.#queue = queue
    this.#surroundings = surroundings
  }

  [Symbol.iterator](): IterableIterator<Connection> {
    return this.#connections.values()
  }

  /** The connection with this number. */
  at(number: number): Connection | undefined {
    return this.#connections[number]
  }

  /** The newest one that is open. */
  get newest(): Connection | undefined {
    const newest = [...this.#queue.deliveries].at(-1)
    return newest && this.#connections.find(({ open }) => open?.delivery === newest)
  }

  /** Is anyone subscribed to the topic? */
  get areJoined(): boolean {
    return this.#connections.some(({ open }) => open !== undefined && open.delivery.wanted.types.length > 0)
  }

  /** A connection that will subscribe to the topic. Nothing is done for it before it does. */
  open(line: Line): ConnectionEvents {
    let connection: Connection | undefined
    const { joined, left, received, changed, progressed, isThere } = this.#surroundings
    const mayJoin = () => this.#mayJoin
    return {
      get mayJoin() {
        return mayJoin()
      },
      wants: prefixes => {
        // Its subscriber has left.
        if (connection === undefined ? !isThere() : !this.#connections.includes(connection)) return
        const { areJoined: wereJoined } = this
        const wanted = wantedBy(prefixes)
        const { delivery } = connection?.open ?? {}
        const hadJoined = (delivery?.wanted.types.length ?? 0) > 0
        if (delivery === undefined) connection = this.#begin(line, wanted)
        else if (this.#queue.want(delivery, wanted)) {
          changed()
          connection?.actor.send({ type: 'prefixes.changed' })
        }
        if (!hadJoined && wanted.types.length > 0) joined()
        else if (wereJoined && !this.areJoined) left()
        if (delivery === undefined) connection?.actor.send({ type: 'connection.opened' })
        progressed()
      },
      acknowledged: ping => {
        const { actor, open } = connection ?? {}
        if (actor === undefined || open === undefined) return
        const before = open.delivery.unacknowledgedBytes
        this.#queue.acknowledge(open.delivery, ping)
        const snapshot = actor.getSnapshot()
        if (!snapshot.matches({ open: { peer: 'acknowledging' } })) actor.send({ type: 'peer.acknowledged' })
        else if (snapshot.matches({ open: { flow: 'waiting' } }) && open.delivery.hasRoom) {
          actor.send({ type: 'connection.drained' })
        }
        received(before - open.delivery.unacknowledgedBytes)
        progressed()
      },
      drained: () => {
        const { actor, open } = connection ?? {}
        if (actor === undefined || open === undefined) return
        this.#queue.tookFrom(open.delivery)
        if (actor.getSnapshot().matches({ open: { flow: 'waiting' } })) actor.send({ type: 'connection.drained' })
      },
      closed: () => {
        const { areJoined: wereJoined } = this
        if (connection !== undefined) this.#end(connection)
        this.#stopSpare()
        if (wereJoined && !this.areJoined) left()
        progressed()
      },
    }
  }

  /** Nothing is to be sent, or may be sent again. */
  send(event: { type: 'sending.held' | 'sending.released' | 'receipt.confirmed' | 'connection.closed' }): void {
    for (const { actor, open } of this.#connections) if (open !== undefined) actor.send(event)
  }

  /** The subscriber left. */
  close(): void {
    for (const connection of this.#connections) this.#end(connection)
    this.dismiss()
  }

  /** Nothing is done on any connection any more. */
  dismiss(): void {
    for (const { actor } of this.#connections.splice(0)) actor.send({ type: 'actor.dismissed' })
  }

  #add(): Connection {
    const { logic, subscriber } = this.#surroundings
    const { topic } = this.#queue
    const number = this.#connections.length
    const actor = createActor(logic(), {
      id: `connection.${shortened(topic)}${number === 0 ? '' : number + 1}`,
      parent: subscriber(),
      input: { topic, number },
    })
    const connection: Connection = { actor, open: undefined }
    this.#connections.push(connection)
    actor.start()
    return connection
  }

  /** A connection is subscribed to the topic. If there are as many as may be, another one has to leave first. */
  #begin(line: Line, wanted: Wanted): Connection {
    this.#makeRoom()
    const connection = this.#connections.find(({ open }) => open === undefined) ?? this.#add()
    const { actor } = connection
    const { supplies, progressed } = this.#surroundings
    const delivery = this.#queue.join(line, wanted)
    this.#joins++
    const outlet = {
      delivery,
      filled: () => actor.send({ type: 'connection.filled' }),
      starved: () => actor.send({ type: 'queue.starved' }),
      turnEnded: () => {
        const { cursor } = delivery
        if (supplies === undefined) cursor?.rest()
        else if (cursor !== undefined) supplies.turnEnded(cursor)
        progressed()
      },
    }
    connection.open = { delivery, outlet, progressed }
    return connection
  }

  get #mayJoin(): boolean {
    const nowMs = performance.now()
    if (nowMs - this.#sinceMs >= joinsMs) {
      this.#sinceMs = nowMs
      this.#joins = 0
    }
    return this.#joins < maxJoins
  }

  #makeRoom(): void {
    const { crowdedOut } = this.#queue
    const connection = crowdedOut && this.#connections.find(({ open }) => open?.delivery === crowdedOut)
    if (connection === undefined) return
    this.#end(connection)
    crowdedOut?.leave()
    this.#surroundings.crowdedOut()
  }

  /** Of the actors that only overlapping connections need, those at the end go when their connections have. */
  #stopSpare(): void {
    while (this.#connections.length > 1 && this.#connections.at(-1)?.open === undefined) {
      this.#connections.pop()?.actor.send({ type: 'actor.dismissed' })
    }
  }

  #end(connection: Connection): void {
    const { actor, open } = connection
    if (open === undefined) return
    actor.send({ type: 'connection.closed' })
    this.#surroundings.egress.close(open.outlet)
    this.#queue.end(open.delivery)
    connection.open = undefined
  }
}
