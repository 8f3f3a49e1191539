/** Messages that say who published them and as which, in ids that are valid STIX. */

/** Which of a publisher's messages are sightings: one of five, not the first, nor the last of a round number. */
const sightingEach = 5

const time = '2026-11-24T06:00:00.000Z'
const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0')
const uuid = (publisher: number, number: number) => `${hex(publisher, 8)}-0000-4000-8000-${hex(number, 12)}`

/** What a publisher's message of this number is. */
export function typeOf(number: number): 'indicator' | 'sighting' {
  return number % sightingEach === 3 ? 'sighting' : 'indicator'
}

/** The name of a publisher's message of this number. */
export function nameOf(publisher: number, number: number): string {
  return `${typeOf(number)}--${uuid(publisher, number)}`
}

/** The name of the message that a frame, or a message's text, holds. */
export function nameIn(text: string): string {
  return /"id":"([^"]*)"/.exec(text)?.[1] ?? `no message: ${text.slice(0, 100)}`
}

/** A publisher's message of this number, as JSON text of so many bytes; fewer than about 300 are not possible. */
export function messageText(publisher: number, number: number, bytes: number): string {
  const type = typeOf(number)
  const id = nameOf(publisher, number)
  const says =
    type === 'sighting'
      ? { sighting_of_ref: 'indicator--00000000-0000-4000-8000-000000000000' }
      : {
          pattern: "[domain-name:value = 'evil.example']",
          pattern_type: 'stix',
          pattern_version: '2.1',
          valid_from: time,
        }
  const message = { type, spec_version: '2.1', id, created: time, modified: time, ...says, description: '' }
  const missing = Math.max(0, bytes - JSON.stringify(message).length)
  return JSON.stringify({ ...message, description: 'x'.repeat(missing) })
}
