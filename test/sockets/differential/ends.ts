import { Router, Subscriber, XPublisher } from 'zeromq'
import { splitRoute } from '../../../src/protocol/management.ts'
import { messageOf } from '../../../src/protocol/message.ts'
import { ManageSocket } from '../../../src/sockets/manage.ts'
import { SubSocket } from '../../../src/sockets/sub.ts'
import { LinkedPub, listening, type numbersOfTypes, Told } from '../broker-endpoint.ts'
import type { News } from './news.ts'
import type { Bytes, EndType } from './script.ts'

/** One end of connections, and what its user sees: of ours, or of libzmq's. */
export interface End {
  readonly port: number
  /** What its user was handed, in order: the frames of each message. Of an XPUB: nothing. */
  readonly handed: readonly (readonly Bytes[])[]
  /** Was its user handed a message with this frame; to an XPUB: was this subscribed to? */
  hasHeard(frame: Bytes): boolean
  /** Of an XPUB: has its user publish a few messages under each topic, of each type and of different lengths. */
  publish(topics: readonly Bytes[]): Promise<void>
  close(): void
}

/** Longest frame. */
export const maxFrameBytes = 80_000

/** Of the parts of a message, a SUB of ours hands over two: it is enough to know that there are more than one. */
const maxParts = 2

/** The types of sockets that each end talks to (RFC 23 "The Socket-Type Property"). */
export const talksTo: Record<EndType, readonly (keyof typeof numbersOfTypes)[]> = {
  ROUTER: ['REQ', 'DEALER', 'ROUTER'],
  XPUB: ['SUB', 'XSUB'],
  SUB: ['PUB', 'XPUB'],
}

/** What a SUB subscribes to. */
export const prefixes = ['stix2/', 'threatbus/snapshotenvelope']

/** Three topics that messages are published under, and begin alike. */
export const topics = ['a', 'b', 'c'].map(letter => 'a'.repeat(31) + letter)

/** A topic that is published under to show that everything before it has come. */
export function lastTopic(number: number): Bytes {
  return `z${String.fromCharCode(97 + number)}`.padEnd(32, 'z')
}

/** The topics that there are. A broker's are random, and as long. */
const known = (topic: string) => topics.includes(topic) || /^z[a-z]z{30}$/.test(topic)

/** Whatever a machine does meanwhile, no peer is too slow. */
const patient = { ...listening, handshakeTimeoutMs: 600_000 }

/** Opens one of the broker's own endpoints. */
export async function openOurs(type: EndType, news: News): Promise<End> {
  const handed: Bytes[][] = []
  const hand = (frames: readonly Buffer[]) => {
    handed.push(frames.map(frame => frame.toString('latin1')))
    news.tell()
  }
  const subscribed = new Set<Bytes>()
  const troubles = { broken() {}, dropped: (_: unknown, detail: string) => Promise.reject(new Error(detail)) }
  const open = () => {
    if (type === 'ROUTER') {
      const manage: ManageSocket = new ManageSocket(
        { ...patient, maxMessageBytes: maxFrameBytes },
        ({ route, parts }) => {
          hand([...route, ...parts])
          if (isShort(route)) manage.reply(route, replyOf(parts))
        },
        troubles,
      )
      return manage
    }
    if (type === 'SUB') {
      const publications = { take: hand, flush: async () => {} }
      return new SubSocket({ ...patient, maxMessageBytes: maxFrameBytes, prefixes }, publications, troubles)
    }
    return new LinkedPub({ ...patient, maxMessageBytes: maxFrameBytes }, new Told(), known, topic => {
      subscribed.add(topic)
      news.tell()
    })
  }
  const socket = open()
  return {
    port: await socket.bind(),
    handed,
    hasHeard: frame => subscribed.has(frame) || isIn(handed, frame),
    publish: async topics => {
      for (const topic of topics) (socket as LinkedPub).send(topic, messages)
    },
    close: () => socket.close(),
  }
}

const messages = [messageOf('indicator', 'p'), messageOf('indicator', 'x'.repeat(400)), messageOf('sighting', 'p')]

/** The last of what is published under a topic. */
export function lastUnder(topic: Bytes): Bytes {
  return `${topic}${messages.at(-1)?.frame}`
}

/** So a user of a ROUTER replies: with the number of parts that it was asked with, and how the last one begins. */
export function replyOf(parts: readonly Buffer[]): string {
  return `${parts.length}: ${parts.at(-1)?.toString('latin1', 0, 20)}`
}

/**
 * What goes by a long route is not answered: libzmq has one place for the answer to a ping, so one that comes while another
 * waits, until the system has taken what was written before, is the only one to be answered.
 */
function isShort(route: readonly Buffer[]): boolean {
  return Buffer.concat(route).length < 300
}

const lasting = { linger: 0, handshakeInterval: 0 }
const unbounded = { sendHighWaterMark: 0, receiveHighWaterMark: 0 }

/** Opens one of libzmq's sockets. */
export async function openLibzmq(type: EndType, news: News): Promise<End> {
  const handed: Bytes[][] = []
  const subscribed = new Set<Bytes>()
  const socket =
    type === 'ROUTER'
      ? new Router({ ...lasting, ...unbounded, maxMessageSize: maxFrameBytes })
      : type === 'SUB'
        ? new Subscriber({ ...lasting, receiveHighWaterMark: 0, maxMessageSize: maxFrameBytes })
        : new XPublisher({ ...lasting, ...unbounded, maxMessageSize: maxFrameBytes })
  if (socket instanceof Subscriber) socket.subscribe(...prefixes)
  await socket.bind('tcp://127.0.0.1:*')
  const take = async (frames: readonly Buffer[]) => {
    if (socket instanceof Router) {
      const [routingId, ...request] = frames
      const { route, parts } = splitRoute(request)
      handed.push(request.map(frame => frame.toString('latin1')))
      if (isShort(route)) await socket.send([routingId as Buffer, ...route, replyOf(parts)])
    } else if (socket instanceof Subscriber)
      handed.push(frames.slice(0, maxParts).map(frame => frame.toString('latin1')))
    else for (const frame of frames) if (frame[0] === 1) subscribed.add(frame.toString('latin1', 1))
  }
  serve(socket, take, () => news.tell()).catch(error => {
    if (!socket.closed) throw error
  })
  return {
    port: Number(socket.lastEndpoint?.split(':').at(-1)),
    handed,
    hasHeard: frame => subscribed.has(frame) || isIn(handed, frame),
    publish: async topics => {
      for (const topic of topics) {
        for (const { frame } of messages) await (socket as XPublisher).send(`${topic}${frame}`)
      }
    },
    close: () => socket.close(),
  }
}

/**
 * Hands over what comes, and tells when nothing more is there. A look without waiting has libzmq do all that its thread for
 * input and output has asked of it, so whatever came over one connection before what is known to have come is handed over, too.
 */
async function serve(
  socket: Router | Subscriber | XPublisher,
  take: (frames: readonly Buffer[]) => Promise<void>,
  tell: () => void,
): Promise<void> {
  const takeNext = async (timeoutMs: number) => {
    socket.receiveTimeout = timeoutMs
    try {
      await take(await socket.receive())
      return true
    } catch (error) {
      // Of a message of several parts an XPUB hands over those that are no subscriptions, the last one perhaps as if more came.
      if ((error as { code?: string }).code !== 'EAGAIN') throw error
      return false
    }
  }
  while (!socket.closed) {
    await takeNext(-1)
    while (await takeNext(0));
    tell()
  }
}

function isIn(handed: readonly (readonly Bytes[])[], frame: Bytes): boolean {
  return handed.some(frames => frames.includes(frame))
}
