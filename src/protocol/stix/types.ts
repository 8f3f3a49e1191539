/**
 * The STIX-2.1 objects that travel the bus, as types (STIX 2.1 §3.2, §4.7, §5.2). Types only, nothing here runs.
 *
 * Property names are the standard's. Custom properties are a type parameter: what of them an application knows. Each may be
 * absent, and the bus does not check them.
 */

/** A STIX identifier: the object's type, two hyphens, a UUID (STIX 2.1 §2.9). */
export type Identifier<Type extends string = string> = `${Type}--${string}`

/** A point in time, RFC 3339 in UTC, like `2024-01-26T21:28:21.013Z` (STIX 2.1 §2.16). */
export type Timestamp = string

/** STIX 2.1 §2.11. */
export interface KillChainPhase {
  kill_chain_name: string
  phase_name: string
}

/** STIX 2.1 §2.5. */
export interface ExternalReference {
  source_name: string
  description?: string
  url?: string
  hashes?: Record<string, string>
  external_id?: string
}

/** A marking of a part of an object (STIX 2.1 §7.2.3). */
export interface GranularMarking {
  lang?: string
  marking_ref?: Identifier<'marking-definition'>
  selectors: string[]
}

/** Common properties, without those that a lenient bus fills in (STIX 2.1 §3.2). */
interface CommonProperties {
  spec_version: '2.1'
  created_by_ref?: Identifier<'identity'>
  revoked?: boolean
  labels?: string[]
  /** 0 to 100 (STIX 2.1 §3.2). */
  confidence?: number
  lang?: string
  external_references?: ExternalReference[]
  object_marking_refs?: Identifier<'marking-definition'>[]
  granular_markings?: GranularMarking[]
  extensions?: Record<string, unknown>
  /** What the bus's applications say about an indicator that was published before. */
  x_threatbus_update?: 'EDIT' | 'REMOVE'
}

/** What an indicator has by the standard, without what a lenient bus fills in (STIX 2.1 §4.7). */
export interface IndicatorDraftProperties extends CommonProperties {
  type: 'indicator'
  id?: Identifier<'indicator'>
  created?: Timestamp
  modified?: Timestamp
  name?: string
  description?: string
  indicator_types?: string[]
  pattern: string
  /** `stix`, or another language such as `suricata`, `yara`, `sigma`, `snort`. */
  pattern_type: string
  pattern_version?: string
  valid_from?: Timestamp
  valid_until?: Timestamp
  kill_chain_phases?: KillChainPhase[]
}

/** What an indicator has by the standard (STIX 2.1 §4.7). */
export interface IndicatorProperties extends IndicatorDraftProperties {
  id: Identifier<'indicator'>
  created: Timestamp
  modified: Timestamp
  valid_from: Timestamp
}

/** What a sighting has by the standard, without what a lenient bus fills in (STIX 2.1 §5.2). */
export interface SightingDraftProperties extends CommonProperties {
  type: 'sighting'
  id?: Identifier<'sighting'>
  created?: Timestamp
  modified?: Timestamp
  description?: string
  first_seen?: Timestamp
  last_seen?: Timestamp
  /** How often it was seen, 0 to 999,999,999. */
  count?: number
  sighting_of_ref: Identifier
  observed_data_refs?: Identifier<'observed-data'>[]
  where_sighted_refs?: Identifier<'identity' | 'location'>[]
  summary?: boolean
}

/** What a sighting has by the standard (STIX 2.1 §5.2). */
export interface SightingProperties extends SightingDraftProperties {
  id: Identifier<'sighting'>
  created: Timestamp
  modified: Timestamp
}

/** An indicator as it may be published: a lenient bus fills in what is left out. `Custom`: the custom properties it may have. */
export type IndicatorDraft<Custom extends object = object> = IndicatorDraftProperties & Partial<Custom>

/** An indicator, whole. `Custom`: the custom properties it may have. */
export type Indicator<Custom extends object = object> = IndicatorProperties & Partial<Custom>

/** A sighting as it may be published: a lenient bus fills in what is left out. `Custom`: the custom properties it may have. */
export type SightingDraft<Custom extends object = object> = SightingDraftProperties & Partial<Custom>

/** A sighting, whole. `Custom`: the custom properties it may have. */
export type Sighting<Custom extends object = object> = SightingProperties & Partial<Custom>
