import { identifierOf } from './identifier.ts'
import { everyItem, has, isObject, type JsonObject, type Kind, listOf } from './kind.ts'
import { deepestNesting } from './nesting.ts'
import { languageCode } from './scalars.ts'
import { structure } from './structure.ts'

/** STIX §7.2.3 "Selector Syntax": names and list indices with points between them, a name first. */
const selectorSyntax = /^(?:id|[a-z0-9_-]{3,250}(?:\.(?:\[\d+\]|[a-z0-9_-]{1,250}))*)$/

/** Longest selector, in characters: a longer one would lead deeper than bodies may be nested. */
const longestSelector = deepestNesting * 251

/** `lenient` takes names that the syntax has not, as properties may have them there. */
const selector: Kind = {
  expected: 'a selector such as labels.[0]',
  lenient: value => typeof value === 'string' && value.length <= longestSelector,
  strict: value => typeof value === 'string' && value.length <= longestSelector && selectorSyntax.test(value),
}

/** STIX §7.2.3 granular-marking. */
export const granularMarking: Kind = structure('a granular marking (selectors, and a marking_ref or a lang)', {
  properties: { lang: languageCode, marking_ref: identifierOf('marking-definition'), selectors: listOf(selector) },
  required: ['selectors'],
  rule: (marking, reading) => {
    const marks = has(marking, 'marking_ref')
    const tellsLanguage = has(marking, 'lang')
    // STIX §7.2.3: one and only one of the two; the original is content with both
    return reading === 'strict' ? marks !== tellsLanguage : marks || tellsLanguage
  },
})

/** The index in a step such as `[0]`; NaN if it is none. */
function indexOf(step: string): number {
  return /^\[\d+\]$/.test(step) ? Number(step.slice(1, -1)) : Number.NaN
}

/** Does a selector lead to something that the object has? Whatever that is: `false`, 0 and an empty text are there, too. */
function leadsSomewhere(object: JsonObject, selector: string): boolean {
  let value: unknown = object
  for (const step of selector.split('.')) {
    if (Array.isArray(value)) value = value[indexOf(step)]
    else if (isObject(value) && Object.hasOwn(value, step)) value = value[step]
    else return false
  }
  return value !== undefined
}

/**
 * Do all selectors of all granular markings select something that is there (STIX §7.2.3)? `filledIn` will be there as
 * well. The markings themselves were checked before. Linear in their size.
 */
export function markingsSelectSomething(object: JsonObject, filledIn: readonly string[]): boolean {
  return everyItem(object.granular_markings, marking =>
    everyItem(isObject(marking) && marking.selectors, selector => {
      const text = String(selector)
      return filledIn.includes(text) || leadsSomewhere(object, text)
    }),
  )
}
