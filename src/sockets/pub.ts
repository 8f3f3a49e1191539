import type { Message } from '../protocol/message.ts'
import { p2pTopicLength } from '../protocol/topics.ts'
import { RunEncoder } from './run.ts'
import { ZmtpError } from './zmtp/break-reason.ts'
import type { Command } from './zmtp/command.ts'
import { type ListenOptions, type ListenTroubles, ZmtpListener } from './zmtp/listener.ts'
import type { PeerHandler, ZmtpPeer } from './zmtp/peer.ts'

/** What a {@link PubSocket} needs to know. */
export interface PubSocketOptions extends ListenOptions {
  /** A connection that has had no room for so long is closed if its p2p topic has another one. */
  readonly stalledTimeoutMs: number
  /** Largest frame in bytes that may come in; a larger one closes its connection. */
  readonly maxMessageBytes: number
}

/** What a {@link PubSocket} tells of its peers. */
export interface PubSocketPeers extends ListenTroubles {
  /** May a peer that names this p2p topic hear what begins with it? The answer is final for this subscription. */
  admits(topic: string): boolean
  /** A peer's subscription to this p2p topic was admitted. */
  joined(topic: string): void
  /**
   * Nobody is subscribed to this p2p topic any more; or one of several connections ended, which may not have brought what it
   * held: then `joined` follows. Said of topics that were joined.
   */
  left(topic: string): void
  /** A connection had no room for more of this p2p topic, and may have now. */
  drained(topic: string): void
  /** A peer's subscription was not admitted. */
  refused(): void
}

/** Bytes of a prefix. A subscription is a short frame (RFC 23 "The Publish-Subscribe Pattern"): a longer one is passed over. */
const maxPrefixBytes = 255

/** Of a frame so much is kept that its prefix is seen to be too long. */
const keptFrameBytes = 512

/** One connection may subscribe to so many prefixes of one p2p topic: there are three types, and that is generous. */
const maxPrefixes = 64

/** What the subscriptions of one connection may take together; each counts its prefix, and something beside. */
const maxSubscribedBytes = 16_777_216
const subscriptionBytes = 64

const subscribeByte = 1
const unsubscribeByte = 0

/** A p2p topic that somebody is subscribed to. */
interface Joined {
  /** The topic as it stands in frames. */
  readonly bytes: Buffer
  readonly links: Link[]
}

/** A connection that is subscribed to a p2p topic, by the rest of its prefixes: `''` is everything. */
interface Link {
  readonly peer: ZmtpPeer
  prefixes: readonly string[]
  /** Runs while the connection has no room, and others wait for it. */
  stalled: NodeJS.Timeout | undefined
}

/**
 * The `pub` endpoint: where subscribers receive, with ZeroMQ's SUB sockets.
 *
 * To them it is an XPUB socket. It is written here because libzmq's looks for a peer by its topic for each frame, hands
 * each frame from thread to thread, and walks over all subscriptions when a connection ends: here a run of frames to one
 * subscriber is one write, and an end is the end of one connection.
 *
 * Every subscription passes by `peers.admits`, so an eavesdropper's is never honoured. A connection that has no room is
 * not written to, so nothing is lost silently. It sends no pings: they would disconnect slow but living subscribers.
 */
export class PubSocket extends ZmtpListener {
  readonly #stalledTimeoutMs: number
  readonly #peers: PubSocketPeers
  readonly #encoder = new RunEncoder()
  readonly #joined = new Map<string, Joined>()

  constructor(options: PubSocketOptions, peers: PubSocketPeers) {
    super(
      {
        ...options,
        socketType: 'XPUB',
        talksTo: ['SUB', 'XSUB'],
        maxFrameBytes: options.maxMessageBytes,
        keptFrameBytes,
      },
      peers,
      peer => this.#handlerFor(peer),
    )
    this.#stalledTimeoutMs = options.stalledTimeoutMs
    this.#peers = peers
  }

  /** Is somebody subscribed to this p2p topic, and can take more? If not, `drained`, `left` or `joined` will be told. */
  hasRoom(topic: string): boolean {
    const links = this.#joined.get(topic)?.links ?? []
    const full = links.find(({ peer }) => !peer.hasRoom)
    if (full === undefined) return links.length > 0
    if (links.length > 1) this.#watch(full)
    return false
  }

  /**
   * A connection without room holds up the others of its topic. If it is the one that a subscriber has left behind, TCP would
   * take a quarter of an hour to notice.
   */
  #watch(link: Link): void {
    const unsentBytes = link.peer.unsentBytes
    link.stalled ??= setTimeout(() => {
      link.stalled = undefined
      if (link.peer.hasRoom) return
      if (link.peer.unsentBytes === unsentBytes) link.peer.break('stalled')
      else this.#watch(link)
    }, this.#stalledTimeoutMs)
  }

  /** Sends messages to whoever is subscribed to this p2p topic. What was sent without room is held in memory. */
  send(topic: string, run: readonly Message[]): void {
    const joined = this.#joined.get(topic)
    for (const { peer, prefixes } of joined?.links ?? []) {
      const wanted = prefixes.includes('')
        ? run
        : run.filter(({ frame }) => prefixes.some(prefix => frame.toString('latin1', 0, prefix.length) === prefix))
      if (joined === undefined || wanted.length === 0) continue
      if (!peer.write(...this.#encoder.encode(joined.bytes, wanted))) this.#encoder.keep()
    }
  }

  #handlerFor(peer: ZmtpPeer): PeerHandler {
    const topics = new Map<string, Link>()
    let isInMultipart = false
    let subscribedBytes = 0
    const read = (kind: number | undefined, prefix: string) => {
      subscribedBytes += this.#read(peer, topics, kind, prefix)
      if (subscribedBytes > maxSubscribedBytes) throw new ZmtpError('too_many_subscriptions')
    }
    return {
      frame: (body, more) => {
        // A subscription has one part.
        if (!isInMultipart && !more) read(body[0], body.toString('latin1', 1))
        isInMultipart = more
      },
      command: ({ name, body }: Command) => {
        // As ZMTP 3.1 writes them (RFC 37).
        const kind = name === 'SUBSCRIBE' ? subscribeByte : name === 'CANCEL' ? unsubscribeByte : undefined
        read(kind, body.toString('latin1'))
      },
      drained: () => {
        for (const topic of topics.keys()) this.#peers.drained(topic)
      },
      closed: () => {
        for (const [topic, link] of topics) this.#lose(topic, link)
      },
    }
  }

  /** Answers by how much more, or less, the connection's subscriptions take. */
  #read(peer: ZmtpPeer, topics: Map<string, Link>, kind: number | undefined, prefix: string): number {
    // A SUB socket subscribes to its p2p topic, or to that and a type (PROTOCOL "Frames on pub").
    const topic = prefix.slice(0, p2pTopicLength)
    const rest = prefix.slice(p2pTopicLength)
    const bytes = subscriptionBytes + prefix.length
    if (kind === subscribeByte && this.#subscribe(peer, topics, topic, rest)) return bytes
    if (kind === unsubscribeByte && this.#unsubscribe(topics, topic, rest)) return -bytes
    return 0
  }

  /** Answers whether that is a subscription more. */
  #subscribe(peer: ZmtpPeer, topics: Map<string, Link>, topic: string, rest: string): boolean {
    const link = topics.get(topic)
    const prefixes = link?.prefixes ?? []
    // Not counted, although RFC 37 would have it ("The Publish-Subscribe Pattern"). libzmq's XPUB keeps a set for each peer, for
    // its SUB, and JeroMQ's, send every SUBSCRIBE, but a CANCEL only when their own count is down: counted here, too, they would
    // be sent what they drop. For a peer that keeps to the RFC, messages wait.
    if (prefixes.includes(rest)) return false
    if (!this.#peers.admits(topic) || prefixes.length >= maxPrefixes) {
      this.#peers.refused()
      return false
    }
    if (topic.length + rest.length > maxPrefixBytes) return false
    if (link === undefined) this.#add(topics, topic, { peer, prefixes: [rest], stalled: undefined })
    else link.prefixes = [...prefixes, rest]
    this.#peers.joined(topic)
    return true
  }

  /** Answers whether that is a subscription less. */
  #unsubscribe(topics: Map<string, Link>, topic: string, rest: string): boolean {
    const link = topics.get(topic)
    if (!link?.prefixes.includes(rest)) return false
    link.prefixes = link.prefixes.filter(prefix => prefix !== rest)
    if (link.prefixes.length > 0) return true
    topics.delete(topic)
    // It may have been the one that had no room.
    if (this.#remove(topic, link)) this.#peers.drained(topic)
    else this.#peers.left(topic)
    return true
  }

  /**
   * A connection ended, and took what it held with it. Another one may be there already: a subscriber's network broke, and it
   * was back before that was noticed here. So what the first one held is lost to it, too, unless it is sent again.
   */
  #lose(topic: string, link: Link): void {
    const areThereOthers = this.#remove(topic, link)
    this.#peers.left(topic)
    if (areThereOthers) this.#peers.joined(topic)
  }

  #add(topics: Map<string, Link>, topic: string, link: Link): void {
    topics.set(topic, link)
    const joined = this.#joined.get(topic)
    if (joined === undefined) this.#joined.set(topic, { bytes: Buffer.from(topic, 'latin1'), links: [link] })
    else joined.links.push(link)
    // Whoever comes second need not wait for one that is gone.
    this.hasRoom(topic)
  }

  /** Answers whether others are subscribed to the topic. */
  #remove(topic: string, link: Link): boolean {
    clearTimeout(link.stalled)
    const links = this.#joined.get(topic)?.links ?? []
    links.splice(links.indexOf(link), 1)
    if (links.length === 0) this.#joined.delete(topic)
    return links.length > 0
  }
}
