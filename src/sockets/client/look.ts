import { connect } from 'node:net'
import { quoted } from '../../protocol/stix/quoted.ts'
import { ZmtpError } from '../zmtp/break-reason.ts'
import { FrameReader } from '../zmtp/frame-reader.ts'
import { opening, versionFor } from '../zmtp/greeting.ts'
import type { Role, SocketType } from '../zmtp/version.ts'
import { zmtp3 } from '../zmtp/zmtp-3.ts'

/** Why there is no bus at an address, where that can be known at once. */
export interface Absence {
  /** Nobody is there, who may still come; or somebody else is. */
  readonly who: 'nobody' | 'stranger'
  /** For people: a clause that follows on where one looked. */
  readonly because: string
}

/** What a client asks as, and everything that may answer, so that it can be named. */
const role: Role = {
  socketType: 'REQ',
  talksTo: ['ROUTER', 'REP', 'PUB', 'XPUB', 'SUB', 'XSUB', 'REQ', 'DEALER'],
}

/** Sockets that answer no requests, as the bus's other endpoints have them. */
const notAnswering: Readonly<Record<string, string | undefined>> = {
  PUB: 'a ZeroMQ socket that publishes',
  XPUB: 'a ZeroMQ socket that publishes, as the `pub` endpoint of a bus; `manage` is another',
  SUB: 'a ZeroMQ socket that is published to, as the `sub` endpoint of a bus; `manage` is another',
  XSUB: 'a ZeroMQ socket that is published to, as the `sub` endpoint of a bus; `manage` is another',
  REQ: 'a ZeroMQ socket that asks, and answers nobody',
}

/**
 * Looks who is at an address: connects and shakes hands as ZeroMQ does, and asks nothing. Undefined if it may be a bus, or
 * can't be known, as when connections are closed without a word, which a bus does that has no room; and when the signal is
 * aborted, which is what bounds the look in time.
 *
 * ZeroMQ itself goes on connecting and says nothing of the sort.
 */
export function lookAt(host: string, port: number, signal: AbortSignal): Promise<Absence | undefined> {
  return new Promise(resolve => {
    if (signal.aborted) return resolve(undefined)
    // As ZeroMQ resolves names: see `connectionOptions`.
    const socket = connect({ host, port, family: host.includes(':') ? 6 : 4 })
    const end = (absence?: Absence) => {
      signal.removeEventListener('abort', giveUp)
      socket.destroy()
      resolve(absence)
    }
    const giveUp = () => end()
    signal.addEventListener('abort', giveUp)
    const talk = new Handshaking(bytes => socket.write(bytes))
    socket.on('error', error => end(absenceBy(error)))
    socket.on('close', giveUp)
    socket.on('data', chunk => {
      const seen = talk.take(chunk)
      if (seen !== undefined) end(seen === 'perhaps a bus' ? undefined : seen)
    })
    socket.write(opening)
  })
}

/** What is known of who answers, once that is known. */
type Seen = Absence | 'perhaps a bus'

/** The client's part of the handshake. */
class Handshaking {
  readonly #write: (bytes: Buffer) => void
  #came: Buffer = Buffer.alloc(0)
  #isGreeted = false
  #frames: FrameReader | undefined
  /** Once it said what it is, or was done without saying it. */
  #type: SocketType | 'untold' | undefined

  constructor(write: (bytes: Buffer) => void) {
    this.#write = write
  }

  take(chunk: Buffer): Seen | undefined {
    try {
      if (this.#frames === undefined) this.#greet(chunk)
      else this.#frames.read(chunk)
    } catch (error) {
      if (!(error instanceof ZmtpError)) throw error
      return error.reason === 'not_zmtp' ? { who: 'stranger', because: inWords(this.#came) } : 'perhaps a bus'
    }
    if (this.#type === undefined) return undefined
    const { [this.#type]: because } = notAnswering
    return because === undefined ? 'perhaps a bus' : { who: 'stranger', because }
  }

  #greet(chunk: Buffer): void {
    this.#came = Buffer.concat([this.#came, chunk])
    const version = versionFor(this.#came)
    if (version === undefined) return
    if (version !== zmtp3) {
      // Of ZMTP 2.0, which some libraries of applications speak, and no bus.
      this.#type = 'untold'
      return
    }
    if (!this.#isGreeted) this.#write(version.greetingRest(role))
    this.#isGreeted = true
    if (this.#came.length < version.greetingBytes) return
    const handshake = version.handshakeAfter(this.#came.subarray(0, version.greetingBytes), role)
    this.#frames = new FrameReader(handshake.maxFrameBytes, frame => {
      this.#type ??= handshake.take(frame) ?? 'untold'
    })
    this.#write(handshake.frame)
    this.#frames.read(this.#came.subarray(version.greetingBytes))
  }
}

/** What something says that is no ZMTP: its first line, and whose way it is to speak like that. */
function inWords(came: Buffer): string {
  // An alert of TLS (RFC 8446 section 5.1).
  if (came[0] === 0x15 && came[1] === 0x03) return 'a server of TLS'
  const line = came.toString('latin1').split(/[\r\n]/, 1)[0] ?? ''
  return line.startsWith('HTTP/') ? `an HTTP server, which says ${quoted(line)}` : `something that says ${quoted(line)}`
}

/** What went wrong with connecting; undefined if that does not say that there is nobody. */
function absenceBy({ code = '' }: NodeJS.ErrnoException): Absence | undefined {
  const because = absences[code]
  return because === undefined ? undefined : { who: 'nobody', because }
}

/** What it means, by the code of an error of the system, that nobody could be connected to. */
export const absences: Readonly<Record<string, string | undefined>> = {
  ECONNREFUSED: 'the connection was refused, so nothing listens there; is the bus running?',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: "the host's name can't be looked up at present",
  EHOSTUNREACH: "the host can't be reached",
  ENETUNREACH: "the host's network can't be reached",
}
