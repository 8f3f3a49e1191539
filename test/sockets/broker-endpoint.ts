import { connect } from 'node:net'
import type { TestContext } from 'node:test'
import type { Socket } from 'zeromq'
import { wantedBy } from '../../src/delivery/wanted.ts'
import type { Message } from '../../src/protocol/message.ts'
import { PubSocket, type PubSocketOptions } from '../../src/sockets/pub.ts'
import type { PubLink } from '../../src/sockets/pub-connection.ts'
import { ConnectionAdmission } from '../../src/sockets/zmtp/connection-admission.ts'
import { PeerBudget } from '../../src/sockets/zmtp/peer-budget.ts'

/** Where the endpoints of tests listen. */
export const listening: PubSocketOptions = {
  host: '127.0.0.1',
  port: 0,
  maxConnections: 100,
  admission: new ConnectionAdmission(Number.POSITIVE_INFINITY),
  sendBufferBytes: 65_536,
  keepaliveIdleMs: 60_000,
  handshakeTimeoutMs: 60_000,
  budget: new PeerBudget({ maxBytes: 67_108_864, messageTimeoutMs: 60_000, exceeded() {} }),
  lingerMs: () => 0,
  answerTimeoutMs: 60_000,
  joinTimeoutMs: 60_000,
  windowBytes: 1_048_576,
  maxMessageBytes: 1_000_000,
}

/** Notes what it is told, and waits for what it will be told. */
export class Told {
  readonly all: string[] = []
  #heard = () => {}

  /** A function that notes that it was called, by this name, and with what. */
  note(what: string): (about?: string) => void {
    return (about = '') => {
      this.all.push(`${what} ${about}`.trim())
      this.#heard()
    }
  }

  /** Fulfilled when this was told so many times. */
  async of(what: string, times = 1): Promise<void> {
    while (this.all.filter(each => each === what).length < times) await this.next()
  }

  /** Fulfilled when this is told anything. */
  next(): Promise<void> {
    return new Promise(resolve => {
      this.#heard = resolve
    })
  }
}

/** A connection of a topic, and what it wants of that. */
interface Linked {
  readonly link: PubLink
  prefixes: readonly string[]
}

/** A socket that sends to every connection of a topic alike, and tells what it hears of them. */
export class LinkedPub extends PubSocket {
  readonly #links: Map<string, Set<Linked>>

  constructor(
    options: PubSocketOptions,
    told: Told,
    accepts: (topic: string) => boolean = () => true,
    joined: (topic: string) => void = () => {},
  ) {
    const links = new Map<string, Set<Linked>>()
    super(options, {
      accept: (topic, link) => {
        if (!accepts(topic)) return undefined
        const linked: Linked = { link, prefixes: [] }
        links.set(topic, (links.get(topic) ?? new Set()).add(linked))
        return {
          mayJoin: true,
          wants: prefixes => {
            linked.prefixes = prefixes
            told.note(prefixes.length > 0 ? 'joined' : 'left')(topic)
            if (prefixes.length > 0) joined(topic)
          },
          acknowledged: ping => told.note('acknowledged')(`${topic} ${ping}`),
          drained: () => told.note('drained')(topic),
          closed: () => {
            links.get(topic)?.delete(linked)
            if (linked.prefixes.length > 0) told.note('left')(topic)
          },
        }
      },
      refused: told.note('refused'),
      changesTooOften: told.note('changes too often'),
      broken: told.note('broken'),
      dropped: told.note('dropped'),
    })
    this.#links = links
  }

  /** Can every connection of the topic take more, and is there one? */
  hasRoom(topic: string): boolean {
    const linked = [...(this.#links.get(topic) ?? [])].filter(({ prefixes }) => prefixes.length > 0)
    return linked.length > 0 && linked.every(({ link }) => link.hasRoom)
  }

  /** Sends each connection of the topic what it wants of this; answers the numbers of the PINGs that follow. */
  send(topic: string, run: readonly Message[]): readonly number[] {
    const pings: number[] = []
    for (const { link, prefixes } of this.#links.get(topic) ?? []) {
      const { types, accepts } = wantedBy(prefixes)
      const wanted = run.filter(message => types.includes(message.type) && accepts?.(message) !== false)
      if (wanted.length === 0) continue
      pings.push(link.nextPing)
      link.send(wanted)
    }
    return pings
  }
}

/** A socket that admits everybody unless it is told otherwise, and what it tells of its peers. */
export async function openPub(
  t: TestContext,
  over: Partial<PubSocketOptions> = {},
  accepts: (topic: string) => boolean = () => true,
) {
  const told = new Told()
  const pub = new LinkedPub({ ...listening, ...over }, told, accepts)
  t.after(() => pub.close())
  const port = await pub.bind()
  pub.serve().catch(() => {})
  return { pub, port, told }
}

/** Connects one of ZeroMQ's own sockets. */
export function connected<Kind extends Socket & { connect(address: string): void }>(
  t: TestContext,
  socket: Kind,
  port: number,
): Kind {
  t.after(() => socket.close())
  socket.connect(`tcp://127.0.0.1:${port}`)
  return socket
}

/** A connection without a library: what it sends is up to the test. Answers what it has received when it is closed. */
export async function raw(t: TestContext, port: number, ...parts: Buffer[]): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  const received: Buffer[] = []
  socket.on('data', chunk => received.push(chunk))
  // What is still on its way to a connection that is closed comes back as an error, before the close.
  socket.on('error', () => {})
  for (const part of parts) socket.write(part)
  await new Promise(resolve => socket.on('close', resolve))
  return Buffer.concat(received)
}

/** A greeting of ZMTP 3. */
export function greetingOf(version = 3, mechanism = 'NULL'): Buffer {
  const bytes = Buffer.alloc(64)
  Object.assign(bytes, { 0: 0xff, 9: 0x7f, 10: version })
  bytes.write(mechanism, 12)
  return bytes
}

/** What both sides of ZMTP 2.0 and later begin with. */
export const signature = Buffer.from('\xff\0\0\0\0\0\0\0\0\x7f', 'latin1')

/** Numbers of socket types in ZMTP 2.0 (RFC 15 "Formal Grammar"); those of XPUB and XSUB are libzmq's. */
export const numbersOfTypes = { PUB: 1, SUB: 2, REQ: 3, REP: 4, DEALER: 5, ROUTER: 6, XPUB: 9, XSUB: 10 } as const

/** A greeting of ZMTP 2.0, with the frame of an identity. */
export function greetingOf2(type: keyof typeof numbersOfTypes, identity = ''): Buffer {
  const rest = `\x01${String.fromCharCode(numbersOfTypes[type])}\0${String.fromCharCode(identity.length)}${identity}`
  return Buffer.concat([signature, Buffer.from(rest, 'latin1')])
}

/** A command, as a short frame. */
export function commandOf(name: string, body: string): Buffer {
  const content = `${String.fromCharCode(name.length)}${name}${body}`
  return Buffer.from(`\x04${String.fromCharCode(content.length)}${content}`, 'latin1')
}

/** What a peer says of itself. */
export function readyOf(socketType: string): Buffer {
  return commandOf('READY', `\x0bSocket-Type\0\0\0${String.fromCharCode(socketType.length)}${socketType}`)
}
