import { identifierOf } from './identifier.ts'
import {
  everyItem,
  has,
  isFalseInPython,
  isObject,
  type JsonObject,
  type Kind,
  kind,
  listOf,
  type Reading,
} from './kind.ts'
import { deepestNesting } from './nesting.ts'
import { languageCode } from './scalars.ts'
import { structure } from './structure.ts'

/** STIX §7.2.3 "Selector Syntax": names and list indices with points between them, a name first. */
const selectorSyntax = /^(?:id|[a-z0-9_-]{3,250}(?:\.(?:\[\d+\]|[a-z0-9_-]{1,250}))*)$/

/** Longest selector, in characters: a longer one would lead deeper than bodies may be nested. */
const longestSelector = deepestNesting * 251

const selector = kind(
  'a selector such as labels.[0]',
  value => typeof value === 'string' && value.length <= longestSelector && selectorSyntax.test(value),
)

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

/** What a selector selects; undefined when it leads nowhere. */
function selected(object: JsonObject, steps: readonly string[]): unknown {
  let value: unknown = object
  for (const step of steps) {
    if (Array.isArray(value) && step.startsWith('[')) value = value[Number(step.slice(1, -1))]
    else if (isObject(value) && Object.hasOwn(value, step)) value = value[step]
    else return undefined
  }
  return value
}

/** Properties whose items the original turns into objects that its selectors cannot enter (cti-python-stix2 #585). */
const closedToSelectors = new Set<string | undefined>(['external_references', 'kill_chain_phases', 'granular_markings'])

/** What was selected, and whether it is something: to tell that of an object takes a listing of all that it has. */
type Judged = Map<unknown, boolean>

function selectsSomething(object: JsonObject, selector: string, reading: Reading, judged: Judged): boolean {
  const steps = selector.split('.')
  const value = selected(object, steps)
  if (reading === 'strict') return value !== undefined
  if (steps.length > 2 && closedToSelectors.has(steps[0])) return false
  let isSomething = judged.get(value)
  if (isSomething === undefined) {
    isSomething = !isFalseInPython(value)
    judged.set(value, isSomething)
  }
  return isSomething
}

/**
 * Do all selectors of all granular markings select something that is there (STIX §7.2.3)? `filledIn` will be there as
 * well. The markings themselves were checked before. Linear in their size.
 */
export function markingsSelectSomething(object: JsonObject, reading: Reading, filledIn: readonly string[]): boolean {
  const judged: Judged = new Map()
  return everyItem(object.granular_markings, marking =>
    everyItem(isObject(marking) && marking.selectors, selector => {
      const text = String(selector)
      return filledIn.includes(text) || selectsSomething(object, text, reading, judged)
    }),
  )
}
