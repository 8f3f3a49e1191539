import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { repository } from '../rooms/sources.ts'

const page = join(repository, 'src/inspector/page')
const sheets = readdirSync(page).filter(name => name.endsWith('.css'))

/** Colours of text and thin lines, of the edges of what is worked with, and of what they stand on. */
const [texts, edges] = [
  ['text', 'dim', 'accent', 'well', 'waiting', 'trouble'],
  ['edge', 'ended', 'line-in', 'line-out', 'line-queue', 'line-bad', 'line-peer'],
]
const grounds = ['paper', 'raised', 'sunken', 'accent-soft', 'trouble-soft', 'trouble-chosen']

/** The colours that page.css names, in the light and in the dark. */
function palettes(): readonly (readonly [scheme: string, colours: ReadonlyMap<string, string>])[] {
  const css = readFileSync(join(page, 'page.css'), 'utf8')
  const named = [...css.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)/g)]
  return [
    ['light', new Map(named.map(([, name = '', light = '']) => [name, light]))],
    ['dark', new Map(named.map(([, name = '', , dark = '']) => [name, dark]))],
  ]
}

/** WCAG 2.2, "contrast ratio" and "relative luminance". */
function contrast(one: string, other: string): number {
  const luminance = (colour: string) => {
    const [red = 0, green = 0, blue = 0] = [1, 3, 5].map(at => {
      const part = Number.parseInt(colour.slice(at, at + 2), 16) / 255
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].toSorted((a, b) => a - b)
  return (light + 0.05) / (dark + 0.05)
}

for (const [scheme, colours] of palettes()) {
  test(`every text of the page can be read, and every edge seen, in the ${scheme} scheme`, () => {
    const weak = [...texts.map(name => [name, 4.5] as const), ...edges.map(name => [name, 3] as const)].flatMap(
      ([name, least]) =>
        grounds.flatMap(ground => {
          const [front, behind] = [colours.get(name), colours.get(ground)]
          assert.ok(front && behind, `page.css names no --${front ? ground : name}`)
          const ratio = contrast(front, behind)
          return ratio >= least ? [] : [`--${name} on --${ground}: ${ratio.toFixed(2)}`]
        }),
    )
    assert.deepEqual(weak, [])
  })
}

test('no style sheet has a colour of its own, which nobody would look at in both schemes', () => {
  const own = sheets
    .filter(name => name !== 'page.css')
    .flatMap(name =>
      [...readFileSync(join(page, name), 'utf8').matchAll(/#[\da-f]{3,8}\b|rgba?\(/gi)].map(
        ([found]) => `${name}: ${found}`,
      ),
    )
  assert.deepEqual(own, [])
})
