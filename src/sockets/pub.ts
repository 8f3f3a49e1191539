import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { FairTurns } from '../turns/fair-turns.ts'
import { PubConnection, type PubConnectionEvents } from './pub-connection.ts'
import { RunEncoder } from './run.ts'
import { TcpSilence } from './tcp-silence.ts'
import { changePauseMs } from './topic-link.ts'
import { type ListenOptions, type ListenTroubles, ZmtpListener } from './zmtp/listener.ts'
import type { PeerHandler, ZmtpPeer } from './zmtp/peer.ts'

/** What a {@link PubSocket} needs to know. */
export interface PubSocketOptions extends ListenOptions {
  /** A peer that used to answer PINGs and has not for so long is closed, unless its system still takes what it is sent. */
  readonly answerTimeoutMs: number
  /** A peer that is subscribed to nothing of its own after so long is closed: its library will connect again. */
  readonly joinTimeoutMs: number
  /** Bytes that may be sent to a peer before it has answered the PING behind them. */
  readonly windowBytes: number
  /** Largest frame in bytes that may come in; a larger one closes its connection. */
  readonly maxMessageBytes: number
}

/** What a {@link PubSocket} asks for and tells. */
export interface PubSocketPeers
  extends ListenTroubles,
    Pick<PubConnectionEvents, 'accept' | 'refused' | 'changesTooOften'> {}

/** Of a frame so much is kept that its prefix is seen to be too long. */
const keptFrameBytes = 512

/** So much of the window is sent until a PING follows, so that it moves on before it is full. */
const pingAfter = 0.6

/** What was sent is followed by a PING after so many milliseconds at the latest, if the one before was answered. */
const pingDelayMs = 500

/** PINGs follow each other for so long, in milliseconds, before whatever else there is to do has its turn. */
const maxStretchMs = 2

/** Looks at every connection in the time that a peer has to answer: it is asked after some, and given up after more. */
const looksPerTimeout = 12
const quietLooks = 4
const unansweredLooks = 7

/**
 * The `pub` endpoint: where subscribers receive, with ZeroMQ's SUB sockets.
 *
 * To them it is an XPUB socket. It is written here because libzmq's looks for a peer by its topic for each frame, hands
 * each frame from thread to thread, and walks over all subscriptions when a connection ends: here a run of frames to one
 * subscriber is one write, and an end is the end of one connection.
 *
 * Every subscription passes by `peers.accept`, so an eavesdropper's is never honoured. A connection that has no room is
 * not written to, so nothing is lost silently. Messages are followed by PINGs, whose answers say what has arrived.
 */
export class PubSocket extends ZmtpListener {
  readonly #options: PubSocketOptions
  readonly #peers: PubSocketPeers
  readonly #encoder = new RunEncoder()
  readonly #connections = new Set<PubConnection>()
  readonly #telling = new FairTurns(changePauseMs, error => this.fail(error))
  readonly #silence = new TcpSilence()
  /** Connections on which a PING is due. */
  #due = new Set<PubConnection>()
  #pinging: NodeJS.Timeout | undefined

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
    this.#options = options
    this.#peers = peers
  }

  override async serve(): Promise<void> {
    const looking = new AbortController()
    this.#lookAgainAndAgain(looking.signal).catch(error => this.fail(error))
    try {
      await super.serve()
    } finally {
      looking.abort()
      clearTimeout(this.#pinging)
    }
  }

  /** Sends the PINGs that are due at once: what is under way is acknowledged as soon as it can be. */
  async pingNow(): Promise<void> {
    clearTimeout(this.#pinging)
    this.#pinging = undefined
    const due = this.#due
    this.#due = new Set()
    await inTurns(due, connection => connection.pingIfDue())
  }

  #handlerFor(peer: ZmtpPeer): PeerHandler {
    const connection: PubConnection = new PubConnection(peer, this.#encoder, this.#options.windowBytes * pingAfter, {
      accept: (topic, link) => {
        const handler = this.#peers.accept(topic, link)
        if (handler !== undefined) this.known(peer)
        return handler
      },
      refused: () => this.#peers.refused(),
      changesTooOften: () => this.#peers.changesTooOften(),
      pingDue: () => {
        this.#due.add(connection)
        this.#pinging ??= setTimeout(() => this.pingNow().catch(error => this.fail(error)), pingDelayMs)
      },
      untold: () => this.#telling.add(connection),
    })
    this.#connections.add(connection)
    return {
      heldBytes: connection.heldBytes,
      frame: (body, more) => connection.frame(body, more),
      command: command => connection.command(command),
      drained: () => connection.drained(),
      closed: () => {
        this.#connections.delete(connection)
        this.#due.delete(connection)
        connection.closed()
      },
    }
  }

  /** Looks with a pause in between, however long a look takes: never twice at once. */
  async #lookAgainAndAgain(signal: AbortSignal): Promise<void> {
    const pauseMs = this.#options.answerTimeoutMs / looksPerTimeout
    while (!signal.aborted) {
      await sleep(pauseMs, undefined, { signal }).catch(() => {})
      if (!signal.aborted) await this.#look()
    }
  }

  /** Asks those of whom nothing was heard, and closes the connections of those who have vanished. */
  async #look(): Promise<void> {
    const overdue: PubConnection[] = []
    await inTurns(this.#connections, connection => {
      const seen = connection.look(quietLooks, unansweredLooks)
      if (seen === 'ask') connection.ask()
      else if (seen === 'overdue') overdue.push(connection)
    })
    const strangers = this.strangersFor(this.#options.joinTimeoutMs)
    // What came while the process was busy is read before that.
    if (strangers.length > 0) await nextTurn()
    await inTurns(strangers, guest => this.isStranger(guest) && guest.break('not_subscribed'))
    // Who holds messages that it has not read may only be slow: then its system still takes what it is sent.
    const isUncertain = overdue.some(({ isMessageOpen }) => isMessageOpen)
    const isSilent = isUncertain ? await this.#silence.look() : () => false
    for (const connection of overdue) if (!connection.isMessageOpen || isSilent(connection.ends)) connection.giveUp()
  }
}

/** Does something with each, and lets others have their turn if it takes long. */
async function inTurns<Each>(all: Iterable<Each>, what: (each: Each) => unknown): Promise<void> {
  let stretchEndsMs = performance.now() + maxStretchMs
  for (const each of all) {
    what(each)
    if (performance.now() < stretchEndsMs) continue
    await nextTurn()
    stretchEndsMs = performance.now() + maxStretchMs
  }
}
