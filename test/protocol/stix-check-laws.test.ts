import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { checkObject, type ValidationMode } from '../../src/protocol/stix/check.ts'
import { knownNames, requiredProperties, stixIndicators, validObjects } from './stix-arbitraries.ts'
import { idOf, marking, reference, type Sample } from './stix-samples.ts'

// A publisher sends whatever it likes → the broker checks it.

const modes: readonly ValidationMode[] = ['lenient', 'strict', 'off']

const isAccepted = (body: unknown, mode: ValidationMode) => !('refused' in checkObject(body, mode))

/** Makes a value and all that is in it immutable, so that a write to it throws. */
function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) frozen(inner)
  return Object.freeze(value)
}

/** Values that some property may have, and not every reading takes. */
const likelyValues = fc.constantFrom<unknown>(
  ...['2.0', '2.1', 'stix', 'yara', '[a:b = 1]', "[a:b = 1] START '2016-06-01T00:00:00Z' STOP '2016-07-01T00:00:00Z'"],
  ...['2014-01-26T21:28:21Z', '2024-01-26T21:28:21.1234567Z', '2024-01-26t21:28:21.123z', '2099-12-31T23:59:59.999Z'],
  ...['indicator', 'ipv4-addr', 'note', 'relationship', 'identity', 'marking-definition'].map(type => idOf(type)),
  ...[true, false, 0, 1, 'true', 100, '5', null, [], {}, ['x']],
  ...[idOf('note', '00000000-0000-0000-0000-000000000000'), [idOf('identity')], [idOf('observed-data')]],
  ...[
    reference({}),
    reference({ _key: 1 }),
    marking({}),
    marking({ selectors: ['revoked', 'external_references.[0]'] }),
  ],
)

/** A valid object in which some properties were replaced by other values. */
const damagedObjects = fc
  .tuple(
    fc.oneof(validObjects, stixIndicators),
    fc.dictionary(fc.constantFrom(...knownNames), fc.oneof(fc.jsonValue(), likelyValues), { minKeys: 1, maxKeys: 3 }),
  )
  .map(([object, damage]): Sample => ({ ...object, ...damage, type: object.type }))

test('no JSON value makes the check throw or is changed by it', () => {
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), damagedObjects), body => {
      const before = JSON.stringify(body)
      for (const mode of modes) checkObject(frozen(body), mode)
      assert.equal(JSON.stringify(body), before)
    }),
  )
})

test('a refusal is brief and without control characters, whatever was refused', () => {
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), damagedObjects), fc.constantFrom(...modes), (body, mode) => {
      const result = checkObject(body, mode)
      if (!('refused' in result)) return
      assert.ok(result.detail.length < 500)
      assert.doesNotMatch(result.detail, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    }),
  )
})

test('what the standard allows is accepted in all modes, and lacks nothing', () => {
  fc.assert(
    fc.property(fc.oneof(validObjects, stixIndicators), object => {
      for (const mode of modes) {
        assert.deepEqual(checkObject(object, mode), { type: object.type, missing: [] })
      }
    }),
  )
})

test('what strict accepts lenient accepts', () => {
  fc.assert(
    fc.property(damagedObjects, object => {
      if (isAccepted(object, 'strict')) assert.ok(isAccepted(object, 'lenient'))
    }),
    { numRuns: 500 },
  )
})

test('what lenient accepts off accepts', () => {
  fc.assert(
    fc.property(damagedObjects, object => {
      if (isAccepted(object, 'lenient')) assert.ok(isAccepted(object, 'off'))
    }),
  )
})

test('an object without one of the properties that the standard requires is refused by strict', () => {
  fc.assert(
    fc.property(validObjects, fc.nat(), (object, choice) => {
      const required = requiredProperties[object.type === 'indicator' ? 'indicator' : 'sighting']
      const { [required[choice % required.length] ?? '']: _, ...rest } = object
      assert.ok(!isAccepted(rest, 'strict'))
    }),
  )
})

test('an object without one of the properties that nothing can stand for is refused by lenient', () => {
  fc.assert(
    fc.property(validObjects, fc.constantFrom('type', 'pattern'), (object, property) => {
      const required = object.type === 'sighting' && property === 'pattern' ? 'sighting_of_ref' : property
      const { [required]: _, ...rest } = object
      assert.ok(!isAccepted(rest, 'lenient'))
    }),
  )
})

test('the order of the properties makes no difference', () => {
  fc.assert(
    fc.property(damagedObjects, object => {
      const reversed = Object.fromEntries(Object.entries(object).reverse())
      for (const mode of modes) assert.equal(isAccepted(reversed, mode), isAccepted(object, mode))
    }),
  )
})

/** Selectors of all that is in a value (STIX §7.2.3), as far as its names can be written in them. */
function selectorsOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => {
    const step = Array.isArray(value) ? `[${name}]` : name
    const isName = path === '' ? /^(?:id|[a-z0-9_-]{3,250})$/ : /^[a-z0-9_-]{1,250}$/
    if (!Array.isArray(value) && !isName.test(name)) return []
    const selector = path === '' ? step : `${path}.${step}`
    return [selector, ...selectorsOf(inner, selector)]
  })
}

test('granular markings may select all that is in an object, and nothing that is not', () => {
  const nowhere = fc.constantFrom('x', 'length', 'constructor', '[1000]')
  fc.assert(
    fc.property(validObjects, fc.nat(), nowhere, (object, choice, step) => {
      const selectors = selectorsOf(object)
      const marked = (...selected: string[]) => ({
        ...object,
        granular_markings: [{ lang: 'en', selectors: selected }],
      })
      const [selector = ''] = selectors.slice(choice % selectors.length)
      const beyond = `${selector}.${step}`
      const isThere = selectors.includes(beyond)
      for (const mode of ['lenient', 'strict'] as const) {
        assert.ok(isAccepted(marked(...selectors), mode))
        assert.equal(isAccepted(marked(selector, beyond), mode), isThere, beyond)
      }
    }),
  )
})

test('however often granular markings select an object, its properties are listed as often as if they did so once', () => {
  const listings = (selectors: number, mode: ValidationMode) => {
    let count = 0
    const ownKeys = (target: object) => {
      count++
      return Reflect.ownKeys(target)
    }
    const x_large = new Proxy({ inner: 1 }, { ownKeys })
    const marking = { lang: 'en', selectors: Array(selectors).fill('x_large') }
    const [object] = fc.sample(validObjects, 1)
    assert.ok(isAccepted({ ...object, x_large, granular_markings: [marking, marking] }, mode))
    return count
  }
  for (const mode of modes) assert.equal(listings(100, mode), listings(1, mode))
})
