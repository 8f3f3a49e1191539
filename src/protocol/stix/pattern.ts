import { TreeBuilder } from './pattern-builder.ts'
import { PatternLexer } from './pattern-lexer.ts'
import { ObservationReader } from './pattern-observation.ts'
import type { PatternVersion } from './pattern-token.ts'
import type { ParsedPattern, PatternError } from './pattern-tree.ts'

/**
 * Parses a STIX pattern of this version, or says why it is none; it never throws. It accepts what the original does,
 * which is the OASIS grammar (`STIXPattern.g4`) and two checks of `run_validator` in stix2patterns 2.0.0: of hashes and,
 * in STIX 2.1, of repeated qualifiers. The few differences are noted where they are made. One more: the original refuses
 * a pattern that begins with a comment, by a look at the first character that is meant to improve an error's wording only.
 *
 * Time is linear in the text's length, and the stack is bounded, whatever the text is.
 */
export function parsePattern(text: string, version: PatternVersion = '2.1'): ParsedPattern {
  const lexer = new PatternLexer(text, version)
  const tree = new TreeBuilder()
  const isPattern = new ObservationReader(lexer, tree).read()
  return (isPattern && tree.pattern) || lexer.error()
}

/**
 * A value of an object and what it is: nearly all indicators are like this, and need no parser to be told as patterns. No
 * property of hashes is among them, no escape and no word that the grammar keeps for itself.
 */
const pointPattern = /^\[(?!true:|false:)[a-z][a-z0-9-]*:value = '[^'\\]*'\]$/

/**
 * Says why a text is no pattern, or nothing if it is one: as {@link parsePattern} does, by the same readers, but without
 * a tree. For whoever only passes a pattern on: building the tree of a long one takes several times as long as this.
 */
export function checkPattern(text: string, version: PatternVersion = '2.1'): PatternError | undefined {
  if (pointPattern.test(text)) return undefined
  const lexer = new PatternLexer(text, version)
  return new ObservationReader(lexer, undefined).read() ? undefined : lexer.error()
}
