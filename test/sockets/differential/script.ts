/** Bytes, as a string with one character for each: it compares by value, and is printed as it would be written here. */
export type Bytes = string

/** The types of sockets that the broker's endpoints are to their peers. */
export type EndType = 'ROUTER' | 'XPUB' | 'SUB'

/** What a peer says first, in one version of ZMTP or another. */
export type Greeting =
  | {
      /** RFC 23 and RFC 37, the fields in their order. */
      readonly version: 3
      readonly padding: Bytes
      readonly signatureEnd: number
      readonly major: number
      readonly minor: number
      readonly mechanism: Bytes
      readonly asServer: number
      readonly filler: Bytes
    }
  | {
      /** RFC 15, with the socket type as a number. */
      readonly version: 2
      readonly padding: Bytes
      readonly revision: number
      readonly socketType: number
      readonly identity: Bytes
    }
  /** RFC 13: an identity, and nothing before it. */
  | { readonly version: 1; readonly identity: Bytes }

/** A frame of a message, or a command (RFC 23 "Framing"). */
export interface Frame {
  readonly do: 'frame'
  readonly isCommand: boolean
  readonly more: boolean
  /** Is its length written in eight bytes? It is when one is not enough. */
  readonly isLong: boolean
  /** The bits of the flags that mean nothing, 7 to 3. */
  readonly reserved: number
  readonly body: Bytes
  /** The length that its header gives, if there is nothing behind it. */
  readonly announced?: bigint
}

/** The command by which a peer says what it is, or what it sends instead. */
export interface Ready {
  readonly isCommand: boolean
  readonly more: boolean
  readonly isLong: boolean
  readonly reserved: number
  readonly name: Bytes
  readonly properties: readonly (readonly [name: Bytes, value: Bytes])[]
  /** What follows the properties: one that is cut off. */
  readonly tail: Bytes
}

/** What a peer does once it has said what it is. */
export type Step =
  | Frame
  /** It sends a ping, and waits for its answer. */
  | { readonly do: 'sync' }
  /** To an XPUB: something is published under each topic, and it waits for what of it comes. */
  | { readonly do: 'publish' }

/** How a peer ends. */
export type Ending =
  | { readonly how: 'stay' }
  /** With so many bytes of its greeting or READY sent. */
  | { readonly how: 'half-close' | 'reset'; readonly within: 'greeting' | 'ready'; readonly sent: number }
  /** With the beginning of a frame sent. */
  | { readonly how: 'half-close' | 'reset'; readonly within: 'traffic'; readonly begun: Bytes }

/** What a peer sends and does, from its first byte on. */
export interface Script {
  readonly to: EndType
  readonly greeting: Greeting
  /** Of version 3 only. */
  readonly ready: Ready
  /** Are greeting and READY sent in one, before anything has come? */
  readonly isEager: boolean
  readonly steps: readonly Step[]
  readonly ending: Ending
  /** The lengths of the pieces in which its bytes are sent, over and over. */
  readonly pieces: readonly number[]
}

const flagMore = 0x01
const flagLong = 0x02
const flagCommand = 0x04

/** The bytes of a greeting; of version 2 and 1 with the identity. */
export function greetingBytes(greeting: Greeting): Bytes {
  if (greeting.version === 1) return frameBytesOfVersion1({ body: greeting.identity, more: false })
  const { padding } = greeting
  if (greeting.version === 2) {
    const { revision, socketType, identity } = greeting
    return `\xff${padding}\x7f${String.fromCharCode(revision, socketType, 0, identity.length)}${identity}`
  }
  const { signatureEnd, major, minor, mechanism, asServer, filler } = greeting
  const [end, version] = [String.fromCharCode(signatureEnd), String.fromCharCode(major, minor)]
  return `\xff${padding}${end}${version}${mechanism.padEnd(20, '\0')}${String.fromCharCode(asServer)}${filler}`
}

/** The bytes of a frame in the versions 2 and 3. */
export function frameBytes({ isCommand, more, isLong, reserved, body, announced }: Omit<Frame, 'do'>): Bytes {
  const length = announced ?? BigInt(body.length)
  const long = isLong || length > 255
  const flags = (isCommand ? flagCommand : 0) | (long ? flagLong : 0) | (more ? flagMore : 0) | reserved
  return String.fromCharCode(flags) + (long ? big(length, 8) : big(length, 1)) + (announced === undefined ? body : '')
}

/** The bytes of a frame in version 1: there its length includes the flags. */
export function frameBytesOfVersion1({ body, more }: Pick<Frame, 'body' | 'more'>): Bytes {
  const length = BigInt(body.length + 1)
  return (length < 255 ? big(length, 1) : `\xff${big(length, 8)}`) + (more ? '\x01' : '\0') + body
}

/** The bytes of a READY. */
export function readyBytes(ready: Ready): Bytes {
  return frameBytes({ ...ready, body: commandBody(ready.name, metadataBytes(ready)) })
}

/** The bytes of what a READY says. */
export function metadataBytes({ properties, tail }: Ready): Bytes {
  const written = properties.map(
    ([name, value]) => `${String.fromCharCode(name.length)}${name}${big(BigInt(value.length), 4)}${value}`,
  )
  return written.join('') + tail
}

/** The body of a command. */
export function commandBody(name: Bytes, rest: Bytes): Bytes {
  return `${String.fromCharCode(name.length)}${name}${rest}`
}

/** The name of a command and the rest of its body; undefined if its body is too short for a name. */
export function commandIn({ isCommand, body }: Frame): { name: Bytes; rest: Bytes } | undefined {
  const nameLength = body.charCodeAt(0)
  if (!isCommand || !(nameLength > 0) || nameLength >= body.length) return undefined
  return { name: body.slice(1, 1 + nameLength), rest: body.slice(1 + nameLength) }
}

/** A frame of a message as it is mostly written. */
export function messageFrame(body: Bytes, more = false): Frame {
  return { do: 'frame', isCommand: false, more, isLong: false, reserved: 0, body }
}

/** A command as it is mostly written. */
export function commandFrame(name: Bytes, rest: Bytes): Frame {
  return { ...messageFrame(commandBody(name, rest)), isCommand: true }
}

function big(number: bigint, bytes: number): Bytes {
  return Buffer.from(number.toString(16).padStart(2 * bytes, '0'), 'hex').toString('latin1')
}

const rightGreeting: Greeting = {
  version: 3,
  padding: '\0'.repeat(8),
  signatureEnd: 0x7f,
  major: 3,
  minor: 1,
  mechanism: 'NULL',
  asServer: 0,
  filler: '\0'.repeat(31),
}

/** A READY of what belongs to an end. */
export function readyFor(type: EndType): Ready {
  const header = { isCommand: true, more: false, isLong: false, reserved: 0, name: 'READY', tail: '' }
  return { ...header, properties: [['Socket-Type', { ROUTER: 'DEALER', XPUB: 'SUB', SUB: 'PUB' }[type]]] }
}

/** A peer of which there is nothing to say. */
export function honest(to: EndType): Script {
  const hello = { greeting: rightGreeting, ready: readyFor(to), isEager: false }
  return { to, ...hello, steps: [], ending: { how: 'stay' }, pieces: [1000] }
}

/** The script in a form to be read, with every byte that the peer sends. */
export function written({ to, greeting, ready, isEager, steps, ending, pieces }: Script): string {
  const hex = (bytes: Bytes) => Buffer.from(bytes, 'latin1').toString('hex')
  const step = (each: Step) =>
    each.do === 'frame' ? hex(greeting.version === 1 ? frameBytesOfVersion1(each) : frameBytes(each)) : each.do
  return [
    `to ${to}${isEager ? ', eager' : ''}, in pieces of ${pieces}`,
    `  greeting ${hex(greetingBytes(greeting))}`,
    ...(greeting.version === 3 ? [`  ready ${hex(readyBytes(ready))}`] : []),
    ...steps.map(each => `  ${step(each)}`),
    `  ${JSON.stringify(ending)}`,
  ].join('\n')
}
