import { randomInt } from 'node:crypto'

/** The STIX types that travel the bus, which are also the type in a frame on `pub`. */
export type MessageType = 'indicator' | 'sighting'

/** What a subscription wants to hear: its topics, boiled down. */
export type Interest = MessageType | 'both' | 'none'

/** Length of a p2p topic in characters (PROTOCOL "Management"). */
export const p2pTopicLength = 32

const letters = 'abcdefghijklmnopqrstuvwxyz'

/**
 * Draws a p2p topic: 32 letters a–z from the system's cryptographic source. It is the capability that protects the
 * subscriber's traffic (PROTOCOL "Management"), so it is never logged or shown whole: see {@link shortened}.
 */
export function drawP2pTopic(): string {
  let topic = ''
  for (let length = 0; length < p2pTopicLength; length++) topic += letters[randomInt(letters.length)]
  return topic
}

/** Letters of a p2p topic that may be shown. */
const shownLetters = 6

/** A p2p topic as it may be shown: enough to tell subscribers apart, too little to guess the rest. */
export function shortened(p2pTopic: string): string {
  return `${p2pTopic.slice(0, shownLetters)}…`
}

/** A subscribed topic is a prefix of what it matches (PROTOCOL "Management"): does this one match messages of `type`? */
function covers(topic: string, type: MessageType): boolean {
  return `stix2/${type}`.startsWith(topic)
}

/** What a subscription to these topics hears. Overlapping topics count once; an unknown topic matches nothing. */
export function interestOf(topics: readonly string[]): Interest {
  const indicators = topics.some(topic => covers(topic, 'indicator'))
  const sightings = topics.some(topic => covers(topic, 'sighting'))
  if (indicators && sightings) return 'both'
  if (indicators) return 'indicator'
  return sightings ? 'sighting' : 'none'
}

/** A topic that no message has: what is subscribed to for something else than messages (PROTOCOL "Management"). */
export const matchesNothing = 'threatbus/nothing'

/** Those of these topics that match nothing that travels the bus, and are not meant to. Most are slips of the finger. */
export function vainTopics(topics: readonly string[]): readonly string[] {
  return topics.filter(topic => topic !== matchesNothing && interestOf([topic]) === 'none')
}

/** Topics that are kept of those that match nothing. */
const maxUnmatched = 4

/** Characters that are kept of a topic that matches nothing: too few for a p2p topic. */
const maxUnmatchedLength = 24

/**
 * What is kept of the topics of a subscription, in memory, on disk and in the log: those that match messages, and a few of
 * the others, shortened. Strangers wrote them, as many and as long as a request may be. What it hears is the same by these.
 */
export function keptTopics(topics: readonly string[]): readonly string[] {
  const kept = new Set<string>()
  let unmatched = 0
  for (const topic of topics) {
    const matches = interestOf([topic]) !== 'none'
    const shown = matches ? topic : cut(topic)
    if (kept.has(shown)) continue
    if (matches || ++unmatched <= maxUnmatched) kept.add(shown)
  }
  if (unmatched > maxUnmatched) kept.add('…')
  return [...kept]
}

/** The beginning of a topic. Of letters that may go on behind it, as many are left as are shown of a p2p topic. */
function cut(topic: string): string {
  if (topic.length <= maxUnmatchedLength) return topic
  // Bytes of its own: a part of a text holds on to all of it.
  const begin = Buffer.from(topic.slice(0, maxUnmatchedLength)).toString()
  return `${begin.replace(/[a-z]+$/, letters => letters.slice(0, shownLetters))}…`
}

/** The message types that an interest covers. */
export function typesOf(interest: Interest): readonly MessageType[] {
  if (interest === 'none') return []
  return interest === 'both' ? ['indicator', 'sighting'] : [interest]
}

/** What of an interest is left of somebody who hears these types only. */
export function interestIn(interest: Interest, types: readonly string[]): Interest {
  const left = typesOf(interest).filter(type => types.includes(type))
  return left.length > 1 ? 'both' : (left[0] ?? 'none')
}

/** The message types of which a subscription to `topic` asks a snapshot (PROTOCOL "Snapshots"). */
export function snapshotTypesOf(topic: string): readonly MessageType[] {
  if (topic === 'stix2' || topic === 'stix2/') return ['indicator', 'sighting']
  if (topic.endsWith('indicator')) return ['indicator']
  if (topic.endsWith('sighting')) return ['sighting']
  return []
}
