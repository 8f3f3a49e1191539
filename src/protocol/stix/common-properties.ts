import { type Refusal, refuse } from '../refusal.ts'
import type { MessageType } from '../topics.ts'
import { extensions } from './extensions.ts'
import { externalReference } from './external-reference.ts'
import { granularMarking, markingsSelectSomething } from './granular-marking.ts'
import { identifierOf } from './identifier.ts'
import { has, type JsonObject, type Kind, listOf } from './kind.ts'
import type { Circumstances } from './object-type.ts'
import { boolean, checkedBefore, confidence, languageCode, string } from './scalars.ts'
import { compareTimestamps, preciseTimestamp } from './timestamp.ts'

/** STIX §3.2: the properties that all types have in common. */
export function commonProperties(type: MessageType): Readonly<Record<string, Kind>> {
  return {
    type: checkedBefore,
    spec_version: checkedBefore,
    id: identifierOf(type),
    created_by_ref: identifierOf('identity'),
    created: preciseTimestamp,
    modified: preciseTimestamp,
    revoked: boolean,
    labels: listOf(string),
    confidence,
    lang: languageCode,
    external_references: listOf(externalReference),
    object_marking_refs: listOf(identifierOf('marking-definition')),
    granular_markings: listOf(granularMarking),
    extensions,
  }
}

/** What all types must have (STIX §3.2) and `lenient` fills in. */
export const commonFillable = ['spec_version', 'id', 'created', 'modified'] as const

/** What STIX 2.0 Part 1 §3.1 doesn't have. */
export const commonNewIn21 = ['confidence', 'lang', 'extensions'] as const

/** What must hold between common properties. */
export function commonRule(object: JsonObject, { reading, missing }: Circumstances): Refusal | undefined {
  // STIX §3.2, §3.6.1; the original doesn't compare the two
  if (reading === 'strict' && compareTimestamps(String(object.modified), String(object.created)) < 0) {
    return refuse('invalid_property', 'modified must not be before created')
  }
  // STIX §7.2.3 "Selector Syntax"
  if (has(object, 'granular_markings') && !markingsSelectSomething(object, missing)) {
    return refuse('invalid_property', 'granular_markings must select properties or items that the object has')
  }
  return undefined
}
