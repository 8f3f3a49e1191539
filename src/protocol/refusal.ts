/**
 * Every reason for which a message is refused, each with the sentence that explains it. A closed list: logs, metrics,
 * replies and tests use these names and no others.
 */
export const refusalSentences = {
  multipart: 'the message has more than one part',
  no_separator: 'there is no space between topic and body',
  invalid_utf8: 'the message is not valid UTF-8',
  unknown_topic: 'the topic is neither stix2/… nor threatbus/snapshotenvelope',
  not_json: 'the body is not JSON',
  not_an_object: 'the body is not a JSON object',
  nested_too_deep: 'the body is nested too deep',
  too_many_values: 'the body has too many values',
  unsupported_type: 'the body is neither an indicator nor a sighting',
  unsupported_spec_version: 'the body is not STIX 2.1',
  missing_property: 'a required property is missing',
  invalid_property: 'a property has a value that STIX 2.1 does not allow',
  invalid_pattern: 'the pattern is not a STIX pattern',
  malformed_envelope: 'the snapshot envelope is malformed',
  crowded_out: 'too many large messages waited to be checked',
  check_failed: 'the check failed',
  unknown_snapshot: 'no snapshot with this id is being gathered',
} as const

/** The name of a reason for refusing a message. */
export type RefusalReason = keyof typeof refusalSentences

/** A refused message: the reason by name, and what exactly was wrong, for people. */
export interface Refusal {
  readonly refused: RefusalReason
  /** One plain sentence or phrase. It may quote the message: attacker-written, so shorten it before it goes anywhere. */
  readonly detail: string
}

/** Makes a refusal; `detail` defaults to the reason's own sentence. */
export function refuse(reason: RefusalReason, detail: string = refusalSentences[reason]): Refusal {
  return { refused: reason, detail }
}
