import { type End, lastTopic, lastUnder, prefixes, replyOf, topics } from './ends.ts'
import type { News } from './news.ts'
import type { Observation } from './observation.ts'
import { Peer } from './peer.ts'
import {
  type Bytes,
  commandFrame,
  type Frame,
  frameBytes,
  frameBytesOfVersion1,
  greetingBytes,
  messageFrame,
  readyBytes,
  type Script,
} from './script.ts'

/** So much of a greeting comes from a peer that has heard so many bytes of one (RFC 23 "Version Negotiation"). */
function greetingLengthAfter(sent: number, whole: number): number {
  if (sent < 10) return 10
  return sent === 10 ? 11 : whole
}

/** A peer that does what one script says, at one end. */
export class Performer {
  readonly #script: Script
  readonly #end: End
  readonly #peer: Peer
  readonly #news: News
  readonly #greetingLength: number
  /** What was seen until now, as far as it does not depend on chance. */
  readonly seen: { -readonly [Key in keyof Observation]?: Observation[Key] } = {}
  #isInMessage = false
  #syncs = 0
  #asked = 0

  constructor(script: Script, end: End, news: News) {
    this.#script = script
    this.#end = end
    this.#news = news
    this.#greetingLength = { 3: 64, 2: 12, 1: Number.POSITIVE_INFINITY }[script.greeting.version]
    this.#peer = new Peer(end.port, this.#greetingLength, script.pieces, news)
  }

  close(): void {
    this.#peer.close()
  }

  /** Does all of it. Rejects with a {@link Silence} if something that has to come does not. */
  async perform(): Promise<'kept' | 'closed' | 'left'> {
    const { ending, greeting } = this.#script
    if (ending.how !== 'stay' && ending.within === 'greeting') {
      this.#peer.say(greetingBytes(greeting).slice(0, ending.sent))
      await this.#peer.send()
      if (!(await this.#hasGreeted(greetingLengthAfter(ending.sent, this.#greetingLength)))) return 'closed'
      return this.#leave()
    }
    if (!(await this.join())) return 'closed'
    if (ending.how !== 'stay' && ending.within === 'ready') return this.#leave()
    if (!(await this.#takeSteps())) return 'closed'
    if (ending.how === 'stay') return (await this.#settle()) ? 'kept' : 'closed'
    if (greeting.version === 3 && !(await this.#sync())) return 'closed'
    if (ending.within === 'traffic') this.#peer.say(ending.begun)
    await this.#peer.send()
    return this.#leave()
  }

  /** Says what it is. Answers whether the other end has said it, too. */
  async join(): Promise<boolean> {
    const { greeting, ready, isEager, ending } = this.#script
    this.#peer.say(greetingBytes(greeting))
    if (!isEager) await this.#peer.send()
    if (greeting.version === 3) {
      if (!isEager && !(await this.#hasSaidWhatItIs())) return false
      const until = ending.how !== 'stay' && ending.within === 'ready' ? ending.sent : undefined
      this.#peer.say(readyBytes(ready).slice(0, until))
    }
    // Whoever says more before the other end is ready is hung up on by libzmq, or not: that depends on its threads.
    if (isEager) await this.#peer.send()
    return greeting.version === 1 || (await this.#hasSaidWhatItIs())
  }

  async #hasSaidWhatItIs(): Promise<boolean> {
    const { commands, messages } = this.#peer
    if (this.#script.greeting.version === 2) {
      if (!(await this.#peer.until('identity', () => messages.length > 0))) return false
      this.seen.ready ??= messages.shift() as Bytes[]
    } else {
      if (!(await this.#peer.until('READY', () => commands.length > 0))) return false
      const { name, rest } = commands[0] as { name: Bytes; rest: Bytes }
      this.seen.ready = [name, ...propertiesIn(rest)]
    }
    return this.#hasGreeted(this.#greetingLength)
  }

  async #hasGreeted(length: number): Promise<boolean> {
    const hasCome = await this.#peer.until(`greeting of ${length} bytes`, () => this.#peer.greeting.length >= length)
    if (hasCome) this.seen.greeting = comparable(this.#peer.greeting.slice(0, length))
    return hasCome
  }

  async #takeSteps(): Promise<boolean> {
    for (const step of this.#script.steps) {
      if (step.do === 'frame') this.#say(step)
      else if (step.do === 'publish' && !(await this.#hearWhatIsPublished())) return false
      else if (step.do === 'sync' && !(await this.#sync())) return false
    }
    return true
  }

  #say(frame: Frame): void {
    this.#peer.say(this.#script.greeting.version === 1 ? frameBytesOfVersion1(frame) : frameBytes(frame))
    if (!frame.isCommand) this.#isInMessage = frame.more
  }

  /** Everything that was sent was read by the other end. Of version 3. */
  async #sync(): Promise<boolean> {
    const context = `sync ${this.#syncs++}`
    this.#say(commandFrame('PING', `\0\0${context}`))
    await this.#peer.send()
    const { commands } = this.#peer
    return (
      (await this.#peer.until(`PONG ${context}`, () => commands.some(({ rest }) => rest === context))) && this.#note()
    )
  }

  /** What has come until now does not depend on chance. */
  #note(): true {
    const { version } = this.#script.greeting
    this.seen.commands = this.#peer.commands
      .slice(version === 3 ? 1 : 0)
      // An end may ping whenever it likes.
      .filter(({ name }) => name !== 'SUBSCRIBE' && name !== 'PING')
      .map(({ name, rest }) => `${name} ${rest}`)
    return true
  }

  async #hearWhatIsPublished(): Promise<boolean> {
    return (await this.ask(lastTopic(this.#asked++))) && this.#noteMessages()
  }

  #noteMessages(): true {
    // A SUB sends subscriptions only, which are compared in any order.
    if (this.#script.to !== 'SUB') this.seen.messages = [...this.#peer.messages]
    return true
  }

  /**
   * Sends what is answered, so that everything before it is known to have been taken in, and waits for the answer; of an XPUB
   * something is published then.
   */
  async ask(token: Bytes): Promise<boolean> {
    const { to } = this.#script
    // A message that was begun would go on with it.
    if (this.#isInMessage) this.#say(messageFrame('end'))
    if (to === 'ROUTER') this.#say(messageFrame('', true))
    this.#say(messageFrame(to === 'XPUB' ? `\x01${token}` : to === 'SUB' ? prefixes[0] + token : token))
    await this.#peer.send()
    const heard = to === 'SUB' ? prefixes[0] + token : token
    if (!(await this.#peer.until(`hearing of ${token}`, () => this.#end.hasHeard(heard)))) return false
    if (to === 'SUB' || this.#script.greeting.version === 1) return true
    const answer = to === 'XPUB' ? lastUnder(token) : replyOf([Buffer.from(token)])
    if (to === 'XPUB') await this.#end.publish([...topics, token])
    return this.#peer.until(`answer to ${token}`, () => this.#peer.messages.at(-1)?.at(-1) === answer)
  }

  async #settle(): Promise<boolean> {
    const { to, greeting } = this.#script
    if (greeting.version === 3 && !(await this.#sync())) return false
    if (!(await this.#hearWhatIsPublished())) return false
    if (greeting.version === 3 && !(await this.#sync())) return false
    if (to !== 'SUB' || greeting.version === 1) return true
    const subscriptions = () =>
      [
        ...this.#peer.messages.map(([frame]) => frame?.slice(1)),
        ...this.#peer.commands.filter(({ name }) => name === 'SUBSCRIBE').map(({ rest }) => rest),
      ].toSorted() as Bytes[]
    const has = await this.#peer.until('subscriptions', () => subscriptions().length >= prefixes.length)
    this.seen.subscriptions = subscriptions()
    return has
  }

  async #leave(): Promise<'left'> {
    const { ending } = this.#script
    if (ending.how === 'reset') this.#peer.reset()
    else this.#peer.halfClose()
    await this.#news.until('end of a connection that was left', () => this.#peer.isClosed)
    return 'left'
  }
}

/**
 * What a greeting says, without its padding, which means nothing, and without the minor version. In version 2 an XPUB may say
 * that it is a PUB, and an XSUB that it is a SUB (RFC 15 "Publish-Subscribe").
 */
function comparable(greeting: Bytes): Bytes {
  const signature = `${greeting.slice(0, 1)}-${greeting.slice(9, 10)}`
  if (greeting.length > 12) return `${signature}${greeting.slice(10, 11)}-${greeting.slice(12)}`
  return signature + greeting.slice(10).replace('\x09', '\x01').replace('\x0a', '\x02')
}

/** The properties of a READY, without the identity, which only some types of sockets say. */
function propertiesIn(metadata: Bytes): Bytes[] {
  const bytes = Buffer.from(metadata, 'latin1')
  const properties: Bytes[] = []
  for (let at = 0; at < bytes.length; ) {
    const nameEnd = at + 1 + (bytes[at] as number)
    const valueEnd = nameEnd + 4 + bytes.readUInt32BE(nameEnd)
    properties.push(`${metadata.slice(at + 1, nameEnd)}: ${metadata.slice(nameEnd + 4, valueEnd)}`)
    at = valueEnd
  }
  return properties.filter(property => !property.startsWith('Identity: ')).toSorted()
}
