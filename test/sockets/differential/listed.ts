import { numbersOfTypes } from '../broker-endpoint.ts'
import { maxFrameBytes, talksTo, topics } from './ends.ts'
import {
  type Bytes,
  commandFrame,
  commandIn,
  type Frame,
  honest,
  messageFrame,
  metadataBytes,
  type Ready,
  readyBytes,
  type Script,
  type Step,
} from './script.ts'

/** Something that the broker's endpoints do otherwise than libzmq does, on purpose. */
export interface ListedDifference {
  readonly what: string
  /** The paragraph of an RFC that says so, or what else is the reason. */
  readonly why: string
  /** What libzmq has to be sent so that it does what the broker's endpoint does; undefined if the script is not concerned. */
  instead(script: Script): Script | undefined
  /** A script that shows it. */
  readonly example: Script
}

const isFrame = (step: Step): step is Frame => step.do === 'frame'

/** The script with other frames, if there are any. */
function withFrames(script: Script, change: (frame: Frame, index: number) => Frame | undefined): Script | undefined {
  const steps = script.steps
    .map((step, index) => (isFrame(step) ? change(step, index) : step))
    .filter(step => step !== undefined)
  const isSame = steps.length === script.steps.length && steps.every((step, index) => step === script.steps[index])
  return isSame ? undefined : { ...script, steps }
}

/** Can a frame begin so, behind its topic? */
function canMatch(prefix: Bytes): boolean {
  const rest = prefix.slice(32)
  return ['indicator ', 'sighting ', 'snapshotrequest '].some(head => head.startsWith(rest) || rest.startsWith(head))
}

/** What everybody refuses, in a frame's place: one that is longer than may be. */
const refusedFrame: Frame = { ...messageFrame(''), announced: 2n ** 62n }

/** What everybody refuses: a greeting with a mechanism that nobody has. */
function refused(script: Script): Script {
  const { greeting, to } = honest(script.to)
  return { ...honest(to), greeting: { ...greeting, mechanism: 'NONE' } as Script['greeting'], isEager: script.isEager }
}

/** What everybody refuses: another command in READY's place. */
function unready(script: Script): Script {
  return { ...script, ready: { ...honest(script.to).ready, name: 'NONE' } }
}

/** The numbers of the steps that are frames of messages of several parts. */
function inSeveralParts(steps: readonly Step[]): Set<number> {
  const found = new Set<number>()
  let isOpen = false
  for (const [index, step] of steps.entries()) {
    if (step.do === 'publish') isOpen = false
    // One that is only announced never comes.
    if (!isFrame(step) || step.isCommand || step.announced !== undefined) continue
    if (isOpen || step.more) found.add(index)
    isOpen = step.more
  }
  return found
}

/** There are none before version 3: what has their flag is passed over. */
const hasCommands = ({ greeting }: Script) => greeting.version === 3

/** The prefix that a frame of a script asks an XPUB to add to the subscriptions, or to take from them. */
function prefixIn(script: Script, frame: Frame, what: 'SUBSCRIBE' | 'CANCEL'): Bytes | undefined {
  if (frame.isCommand) {
    const command = hasCommands(script) ? commandIn(frame) : undefined
    return command?.name === what ? command.rest : undefined
  }
  return frame.body.startsWith(what === 'SUBSCRIBE' ? '\x01' : '\0') ? frame.body.slice(1) : undefined
}

/** Is that the number of one of these types of sockets? */
const isOfType = (number: number, types: readonly (keyof typeof numbersOfTypes)[]) =>
  types.some(type => numbersOfTypes[type] === number)

/** Does what a READY says end behind a name, or behind the length of a value that is not there? */
function lacksValue(ready: Ready): boolean {
  const bytes = Buffer.from(metadataBytes(ready), 'latin1')
  let at = 0
  while (at < bytes.length) {
    const nameEnd = at + 1 + (bytes[at] as number)
    if (nameEnd + 4 > bytes.length) return nameEnd === bytes.length && nameEnd > at + 1
    at = nameEnd + 4 + bytes.readUInt32BE(nameEnd)
    if (at > bytes.length) return nameEnd + 4 === bytes.length
  }
  return false
}

const isProbe = (frame: Frame) => !frame.isCommand && frame.body === '' && frame.announced === undefined

const isNameless = (frame: Frame) => frame.isCommand && frame.announced === undefined && commandIn(frame) === undefined

const isSubscribing = (frame: Frame) => ['SUBSCRIBE', 'CANCEL'].includes(commandIn(frame)?.name ?? '')

const [topic = ''] = topics
const greetingOfVersion2 = { version: 2, padding: '\0'.repeat(8), revision: 1, socketType: 5, identity: '' } as const
const [toRouter, toXpub] = [honest('ROUTER'), honest('XPUB')]

/** All of them, in the order in which scripts are changed by more than one. */
export const listed: readonly ListedDifference[] = [
  {
    what: 'ZMTP 1.0 is refused',
    why: 'RFC 23 "Version Negotiation": a peer may demand capabilities from its peers',
    instead: script => (script.greeting.version === 1 ? refused(script) : undefined),
    example: {
      ...toRouter,
      greeting: { version: 1, identity: 'me' },
      steps: [messageFrame('', true), messageFrame('x')],
    },
  },
  {
    what: 'version 2 is ZMTP 2.0',
    why: 'RFC 23 "Detecting ZMTP 2.0 Peers": if the version number is 1 or 2, the peer is using ZMTP 2.0; libzmq goes on in 3.1',
    instead: ({ greeting, ...script }) =>
      greeting.version === 2 && greeting.revision === 2
        ? { ...script, greeting: { ...greeting, revision: 1 } }
        : undefined,
    example: {
      ...toRouter,
      greeting: { ...greetingOfVersion2, revision: 2 },
      ending: { how: 'half-close', within: 'greeting', sent: 12 },
    },
  },
  {
    what: 'types of sockets that do not belong together are refused in ZMTP 2.0 as well',
    why: 'RFC 15 "Socket Compatibility": should be handled by silently disconnecting the other peer; libzmq talks to it',
    instead: script =>
      script.greeting.version === 2 && !isOfType(script.greeting.socketType, talksTo[script.to])
        ? refused(script)
        : undefined,
    example: { ...toRouter, greeting: { ...greetingOfVersion2, socketType: 7 } },
  },
  {
    what: 'a message of several parts is no subscription',
    why: 'RFC 23 "The Publish-Subscribe Pattern": subscribe = %x00 short-size %d1 subscription, which is one frame without more',
    instead: script => {
      const parts = inSeveralParts(script.steps)
      return script.to === 'XPUB'
        ? withFrames(script, (frame, index) => (parts.has(index) ? undefined : frame))
        : undefined
    },
    example: { ...toXpub, steps: [messageFrame(`\x01${topic}`, true), messageFrame('x')] },
  },
  {
    what: 'who subscribes to less than a topic hears nothing',
    why: 'OPERATION "Security": a p2p topic is a secret, and who does not name it is not sent what it carries',
    instead: script =>
      script.to === 'XPUB'
        ? withFrames(script, frame => ((prefixIn(script, frame, 'SUBSCRIBE')?.length ?? 32) < 32 ? undefined : frame))
        : undefined,
    example: { ...toXpub, steps: [messageFrame('\x01'), { do: 'publish' }, messageFrame('\x01aaaa')] },
  },
  {
    what: 'a prefix of more than 255 bytes is passed over',
    why: 'RFC 23 "The Publish-Subscribe Pattern": subscribe = %x00 short-size %d1 subscription; libzmq takes any length',
    instead: script =>
      script.to === 'XPUB'
        ? withFrames(script, frame => ((prefixIn(script, frame, 'SUBSCRIBE')?.length ?? 0) > 255 ? undefined : frame))
        : undefined,
    example: { ...toXpub, steps: [messageFrame(`\x01${topic}indicator ${'x'.repeat(300)}`)] },
  },
  {
    what: 'of more than 64 prefixes of one topic that a frame can begin with, the first count',
    why: 'OPERATION "Joining and receiving": so many are held for a connection; libzmq holds any number, and of any kind',
    instead: script => {
      if (script.to !== 'XPUB') return undefined
      const held = new Map<Bytes, Set<Bytes>>()
      return withFrames(script, frame => {
        const prefix = prefixIn(script, frame, 'SUBSCRIBE')
        const cancelled = prefixIn(script, frame, 'CANCEL')
        if (cancelled !== undefined) held.get(cancelled.slice(0, 32))?.delete(cancelled)
        if (prefix === undefined || prefix.length < 32 || prefix.length > 255 || !canMatch(prefix)) return frame
        const prefixes = held.get(prefix.slice(0, 32)) ?? new Set()
        if (prefixes.size >= 64 && !prefixes.has(prefix)) return undefined
        held.set(prefix.slice(0, 32), prefixes.add(prefix))
        return frame
      })
    },
    example: {
      ...toXpub,
      steps: [...Array.from({ length: 64 }, (_, number) => `${topic}indicator {${number}`), topic].map(each =>
        messageFrame(`\x01${each}`),
      ),
    },
  },
  {
    what: 'SUBSCRIBE and CANCEL are no messages for the user of a ROUTER or SUB',
    why: 'RFC 23 "Framing": commands are not visible to the application; libzmq knows the two only where it has subscribers',
    instead: script =>
      script.to !== 'XPUB' && hasCommands(script)
        ? withFrames(script, frame => (isSubscribing(frame) ? undefined : frame))
        : undefined,
    example: { ...toRouter, steps: [commandFrame('SUBSCRIBE', topic)] },
  },
  {
    what: 'a command without a name ends the connection',
    why: 'RFC 23 "Formal Grammar": command-name = OCTET 1*255command-name-char; libzmq passes over it',
    instead: script =>
      hasCommands(script) ? withFrames(script, frame => (isNameless(frame) ? refusedFrame : frame)) : undefined,
    example: { ...toRouter, steps: [{ ...messageFrame('\x05PING'), isCommand: true }] },
  },
  {
    what: 'a message is no READY',
    why: 'RFC 23 "The NULL Security Mechanism": ready = command-size %d5 "READY" metadata; libzmq does not look at the flag',
    instead: script => (script.greeting.version === 3 && !script.ready.isCommand ? unready(script) : undefined),
    example: { ...toRouter, ready: { ...toRouter.ready, isCommand: false } },
  },
  {
    what: 'a property that lacks its whole value is refused as others that are cut off are',
    why: 'RFC 23 "The NULL Security Mechanism": property = name value; libzmq sees that only if a part of the value is there',
    instead: script => (script.greeting.version === 3 && lacksValue(script.ready) ? unready(script) : undefined),
    example: { ...toRouter, ready: { ...toRouter.ready, tail: '\x02X-\0\0\0\x05' } },
  },
  {
    what: 'Socket-Type is the same in any letters',
    why: 'RFC 23 "Connection Metadata": metadata names shall be case-insensitive; libzmq looks for one spelling',
    instead: script => {
      const name = 'Socket-Type'
      const { properties } = script.ready
      const isOther = (each: Bytes) => each !== name && each.toLowerCase() === name.toLowerCase()
      if (script.greeting.version < 3 || !properties.some(([each]) => isOther(each))) return undefined
      const spelled = properties.map(([each, value]) => [isOther(each) ? name : each, value] as const)
      return { ...script, ready: { ...script.ready, properties: spelled } }
    },
    example: { ...toRouter, ready: { ...toRouter.ready, properties: [['SOCKET-TYPE', 'PUSH']] } },
  },
  {
    what: 'a request is bounded as a whole',
    why: 'OPERATION "Connections and what comes by them": max_message_size is that of a request, with 64 bytes for each part; libzmq bounds each part',
    instead: script => {
      if (script.to !== 'ROUTER') return undefined
      let bytes = 0
      return withFrames(script, frame => {
        if (frame.isCommand) return frame
        bytes += frame.body.length + 64
        const isTooLong = frame.more && bytes > maxFrameBytes
        if (!frame.more) bytes = 0
        return isTooLong ? refusedFrame : frame
      })
    },
    example: { ...toRouter, steps: ['x', 'y', 'z'].map((each, index) => messageFrame(each.repeat(40_000), index < 2)) },
  },
  {
    what: 'a READY of more than 64 KiB is refused',
    why: 'OPERATION "Joining and receiving"; libzmq bounds it as any frame',
    instead: script =>
      script.greeting.version === 3 && readyBytes(script.ready).length > 65_536 + 9 ? unready(script) : undefined,
    example: {
      ...toRouter,
      ready: {
        ...toRouter.ready,
        properties: [
          ['Socket-Type', 'REQ'],
          ['X-', 'x'.repeat(70_000)],
        ],
      },
    },
  },
  {
    what: 'a probe is not handed to the user',
    why: 'zmq_setsockopt(3) ZMQ_PROBE_ROUTER: the application at a ROUTER has to tell that message from others, which is done here',
    instead: script => {
      const parts = inSeveralParts(script.steps)
      if (script.to !== 'ROUTER') return undefined
      return withFrames(script, (frame, index) => (isProbe(frame) && !parts.has(index) ? undefined : frame))
    },
    example: { ...toRouter, steps: [messageFrame('')] },
  },
]
