import type { Message } from '../protocol/message.ts'
import { p2pTopicLength } from '../protocol/topics.ts'
import type { Client } from '../turns/fair-turns.ts'
import { Pings } from './pings.ts'
import { keptPrefix } from './prefixes.ts'
import type { RunEncoder } from './run.ts'
import { type LinkHandler, TopicLink } from './topic-link.ts'
import { ZmtpError } from './zmtp/break-reason.ts'
import type { Command } from './zmtp/command.ts'
import type { PeerHandler, ZmtpPeer } from './zmtp/peer.ts'

/** A connection that is subscribed to a p2p topic, as far as that topic goes. */
export interface PubLink {
  /** Can the connection take more? If not, `drained` is told when it can. */
  readonly hasRoom: boolean
  /** Number of the PING that will follow what is sent next. */
  readonly nextPing: number
  /** Sends a run of messages. */
  send(run: readonly Message[]): void
  /**
   * The topic has newer connections, as many as may be: this one is not subscribed to it any more, and its handler hears no
   * more. Without another topic it is closed.
   */
  leave(): void
}

/** What a {@link PubConnection} asks for and tells. */
export interface PubConnectionEvents {
  /** Its peer subscribes to a p2p topic: who cares about that? Undefined: it is nobody's, and is not honoured. */
  accept(topic: string, link: PubLink): LinkHandler | undefined
  refused(): void
  /** It changes what it is subscribed to of a topic so often that this has to wait. */
  changesTooOften(): void
  /** Something was sent that a PING has to follow soon. */
  pingDue(): void
  /** Handlers are to be told something, by {@link PubConnection.next}. */
  untold(): void
}

/** Bytes of a prefix. A subscription is a short frame (RFC 23 "The Publish-Subscribe Pattern"): a longer one is refused. */
const maxPrefixBytes = 255

/** One connection may subscribe to so many prefixes of one p2p topic: there are three types, and that is generous. */
const maxPrefixes = 64

/** One connection may subscribe to so many p2p topics; those that it cancelled count, too. */
const maxTopics = 100_000

/** What the prefixes of one connection may take together that go on behind a type: that is generous, too. */
const maxConnectionPrefixBytes = 65_536

/** How a PING looks to a library that takes it for a message. */
const pingAsMessage = '\x04PING'

const subscribeByte = 1
const unsubscribeByte = 0

/** One connection of a SUB socket: what it is subscribed to, what it is sent, and what of that its peer acknowledges. */
export class PubConnection implements PeerHandler, Client {
  /** It keeps no frame. */
  readonly heldBytes = 0
  readonly #peer: ZmtpPeer
  readonly #encoder: RunEncoder
  readonly #events: PubConnectionEvents
  readonly #pings: Pings
  readonly #links = new Map<string, TopicLink>()
  /** Links whose handlers are to be told something, and those that have to wait for that. */
  #untold = new Set<TopicLink>()
  #pausing = new Set<TopicLink>()
  #isInMultipart = false
  #prefixBytes = 0
  /** Did it ask for something that a PING would be taken for? */
  #hearsCommands = false
  /** Looks since something was heard, and since an open PING could have been answered. */
  #quietLooks = 0
  #unansweredLooks = 0

  constructor(peer: ZmtpPeer, encoder: RunEncoder, pingEveryBytes: number, events: PubConnectionEvents) {
    this.#peer = peer
    this.#encoder = encoder
    this.#events = events
    this.#pings = new Pings(pingEveryBytes)
  }

  /** Its two ends. */
  get ends(): ZmtpPeer['ends'] {
    return this.#peer.ends
  }

  /** Is a message under way that was not acknowledged? */
  get isMessageOpen(): boolean {
    return this.#pings.isMessageOpen
  }

  frame(body: Buffer, more: boolean): void {
    this.#quietLooks = 0
    // A subscription has one part.
    if (!this.#isInMultipart && !more) this.#read(body[0], body.toString('latin1', 1))
    this.#isInMultipart = more
  }

  command({ name, body }: Command): void {
    this.#quietLooks = 0
    // As ZMTP 3.1 writes them (RFC 37).
    if (name === 'SUBSCRIBE') this.#read(subscribeByte, body.toString('latin1'))
    else if (name === 'CANCEL') this.#read(unsubscribeByte, body.toString('latin1'))
    else if (name === 'PONG') this.#readPong(body)
  }

  drained(): void {
    for (const link of this.#links.values()) {
      link.drain()
      this.#untold.add(link)
    }
    this.#events.untold()
  }

  closed(): void {
    this.#pausing.clear()
    for (const link of this.#links.values()) {
      link.close()
      this.#untold.add(link)
    }
    this.#links.clear()
    this.#events.untold()
  }

  next(nowMs: number): 'more' | 'later' | 'nothing' {
    if (this.#untold.size === 0 && this.#pausing.size > 0) {
      const pausing = this.#pausing
      this.#pausing = this.#untold
      this.#untold = pausing
      this.#peer.resume()
    }
    const [link] = this.#untold
    if (link !== undefined) {
      this.#untold.delete(link)
      if (!link.tell(nowMs)) {
        // Who changes again and again is not even read.
        if (this.#pausing.size === 0) this.#peer.pause()
        this.#pausing.add(link)
        this.#events.changesTooOften()
      }
    }
    if (this.#untold.size > 0) return 'more'
    return this.#pausing.size > 0 ? 'later' : 'nothing'
  }

  /** Sends a PING if one is due. */
  pingIfDue(): void {
    if (this.#pings.areDue) this.#ping()
  }

  /**
   * Looks whether the peer is still there. To be called regularly.
   *
   * @param quiet looks without a word from the peer until it is asked
   * @param unanswered looks at an open PING until it should have been answered
   * @returns `ask`: a PING is to be sent, or once more; `overdue`: it answered before, and now it does not
   */
  look(quiet: number, unanswered: number): 'well' | 'ask' | 'overdue' {
    if (this.#pings.areOpen) {
      this.#unansweredLooks++
      if (!this.#pings.wereAnswered) return 'well'
      if (this.#unansweredLooks >= unanswered) return 'overdue'
      // An answer may get lost in libzmq, which keeps room for one. What is asked twice stands behind no message.
      return !this.#pings.isMessageOpen && this.#unansweredLooks * 2 >= unanswered ? 'ask' : 'well'
    }
    this.#quietLooks++
    return this.#links.size > 0 && this.#quietLooks >= quiet ? 'ask' : 'well'
  }

  /** Asks the peer whether it is there. */
  ask(): void {
    this.#ping()
  }

  /** The peer has vanished: the connection is closed. */
  giveUp(): void {
    this.#peer.break('unanswered')
  }

  #ping(): void {
    const { takesPings } = this.#peer
    if (takesPings === 'never' || (takesPings === 'filtered' && this.#hearsCommands)) return
    if (!this.#pings.areOpen) this.#unansweredLooks = 0
    this.#peer.write(...this.#pings.pieces())
  }

  #readPong(context: Buffer): void {
    const ping = this.#pings.answered(context)
    if (ping === undefined) return
    this.#unansweredLooks = 0
    if (this.#pings.areDueAtOnce) this.#ping()
    else if (this.#pings.areDue) this.#events.pingDue()
    for (const link of this.#links.values()) {
      link.acknowledge(ping)
      this.#untold.add(link)
    }
    this.#events.untold()
  }

  #read(kind: number | undefined, prefix: string): void {
    // A SUB socket subscribes to its p2p topic, or to that and a type (PROTOCOL "Frames on pub").
    const topic = prefix.slice(0, p2pTopicLength)
    const rest = prefix.slice(p2pTopicLength)
    if (kind === subscribeByte) this.#subscribe(topic, rest)
    else if (kind === unsubscribeByte) this.#unsubscribe(topic, rest)
    if (this.#links.size > maxTopics || this.#prefixBytes > maxConnectionPrefixBytes) {
      throw new ZmtpError('too_many_subscriptions')
    }
  }

  #subscribe(topic: string, rest: string): void {
    if (pingAsMessage.startsWith(topic + rest)) this.#hearsCommands = true
    const known = this.#links.get(topic)
    // Not counted, although RFC 37 would have it ("The Publish-Subscribe Pattern"). libzmq's XPUB keeps a set for each peer, for
    // its SUB, and JeroMQ's, send every SUBSCRIBE, but a CANCEL only when their own count is down: counted here, too, they would
    // be sent what they drop. For a peer that keeps to the RFC, messages wait.
    if (known?.prefixes.includes(rest)) return
    const kept = topic.length + rest.length > maxPrefixBytes ? undefined : keptPrefix(rest)
    const link = kept && (known ?? this.#open(topic))
    if (kept === undefined || link === undefined || link.prefixes.length >= maxPrefixes) {
      this.#events.refused()
      return
    }
    this.#hold(kept.bytes)
    this.#change(link, [...link.prefixes, kept.prefix])
    // Whether it acknowledges is known before much was sent.
    if (known === undefined && !this.#pings.areOpen && !this.#pings.wereAnswered) this.#ping()
  }

  #unsubscribe(topic: string, rest: string): void {
    const link = this.#links.get(topic)
    if (!link?.prefixes.includes(rest)) return
    // The topic itself is kept: what was sent under it may not have arrived.
    this.#hold(-heldBy(rest))
    this.#change(
      link,
      link.prefixes.filter(prefix => prefix !== rest),
    )
  }

  #hold(prefixBytes: number): void {
    this.#prefixBytes += prefixBytes
    this.#peer.holdPrefixes(prefixBytes)
  }

  #change(link: TopicLink, prefixes: readonly string[]): void {
    link.prefixes = prefixes
    if (this.#pausing.has(link)) return
    this.#untold.add(link)
    this.#events.untold()
  }

  #open(topic: string): TopicLink | undefined {
    let link: TopicLink | undefined
    const handler = this.#events.accept(
      topic,
      this.#linkTo(topic, () => link?.hasRoom() === true),
    )
    if (handler === undefined) return undefined
    link = new TopicLink(handler)
    // Bytes of its own: a part of a text holds on to all of it.
    this.#links.set(Buffer.from(topic, 'latin1').toString('latin1'), link)
    return link
  }

  #linkTo(topic: string, hasRoom: () => boolean): PubLink {
    const peer = this.#peer
    const pings = this.#pings
    const bytes = Buffer.from(topic, 'latin1')
    return {
      get hasRoom() {
        return peer.hasRoom && hasRoom()
      },
      get nextPing() {
        return pings.next
      },
      send: run => this.#send(bytes, run),
      leave: () => this.#leave(topic),
    }
  }

  #leave(topic: string): void {
    const link = this.#links.get(topic)
    if (link === undefined) return
    for (const prefix of link.prefixes) this.#hold(-heldBy(prefix))
    this.#links.delete(topic)
    this.#untold.delete(link)
    if (this.#pausing.delete(link) && this.#pausing.size === 0) this.#peer.resume()
    // Else it goes on for the others: who is back has joined those anew, too, or will.
    if (this.#links.size === 0) this.#peer.break('superseded')
  }

  #send(topic: Buffer, run: readonly Message[]): void {
    const pieces = this.#encoder.encode(topic, run)
    let bytes = 0
    for (const { length } of pieces) bytes += length
    this.#pings.follow(bytes)
    if (!this.#peer.write(...pieces)) this.#encoder.keep()
    if (this.#pings.areDueAtOnce) this.#ping()
    else if (this.#pings.areDue) this.#events.pingDue()
  }
}

function heldBy(prefix: string): number {
  return keptPrefix(prefix)?.bytes ?? 0
}
