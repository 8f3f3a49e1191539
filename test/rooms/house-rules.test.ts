import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { barrels, namesThatSayNothing, undocumentedExports } from './house-rules.ts'
import { isForDevelopers } from './rooms.ts'
import { readSources } from './sources.ts'

const sources = readSources()
const running = sources.filter(({ path }) => !isForDevelopers(path))

function assertNone(complaints: readonly string[]): void {
  assert.deepEqual(complaints, [], complaints.join('\n'))
}

describe('the files of the house', () => {
  test('have names that say what is in them', () => assertNone(namesThatSayNothing(sources)))
  test('make what they export, except the public entry', () => assertNone(barrels(running, 'src/index.ts')))
  test('say of everything that they export what it is', () => assertNone(undocumentedExports(running)))
})

describe('the check of the files', () => {
  test('finds drawers, as files and as directories', () => {
    const paths = ['src/utils.ts', 'src/common/names.ts', 'test/helper.test.ts', 'src/library.ts', 'src/commons.ts']
    const found = namesThatSayNothing(paths.map(path => ({ path, text: '' })))
    assert.deepEqual(
      found.map(complaint => complaint.replace(/:.*/, '')),
      ['src/utils.ts', 'src/common/names.ts', 'test/helper.test.ts'],
    )
  })

  test('finds a barrel', () => {
    const text = `export * from './a.ts'\nexport type { B } from './b.ts'`
    assert.equal(barrels([{ path: 'src/client/index.ts', text }], 'src/index.ts').length, 1)
    assert.equal(barrels([{ path: 'src/index.ts', text }], 'src/index.ts').length, 0)
    assert.equal(barrels([{ path: 'src/a.ts', text: `${text}\nexport const c = 1` }], 'src/index.ts').length, 0)
  })

  for (const [what, text] of [
    ['a constant', 'export const name = 1'],
    ['a function', 'export async function name() {}'],
    ['a type', 'export type name = string'],
    ['an interface', 'export interface name {}'],
    ['a class under a plain comment', '/* no doc */\nexport class name {}'],
    ['a constant under an empty comment', '/** */\nexport const name = 1'],
    ['a name that is exported later', 'const name = 1\nexport { name }'],
    ['the second of two, under the comment of the first', '/** One. */\nexport const a = 1\nexport const name = 2'],
  ] as const) {
    test(`finds ${what} without a doc comment`, () => {
      const [complaint = '', ...more] = undocumentedExports([{ path: 'src/planted.ts', text }])
      assert.match(complaint, /^src\/planted\.ts:\d exports name without a doc comment/)
      assert.deepEqual(more, [])
    })
  }

  for (const [what, text] of [
    ['what has one', '/** One. */\nexport const name = 1'],
    ['one with a remark for a tool below it', '/** One. */\n// biome-ignore lint/style/x: y\nexport const name = 1'],
    ['overloads that have one together', '/** F. */\nexport function f(): void\nexport function f(a?: 1): void {}'],
    ['a value and its type that have one together', '/** N. */\nexport const N = 1\nexport type N = typeof N'],
    ['what others export', `export { a } from './a.ts'\nexport * from './b.ts'`],
    ['what is exported later', '/** One. */\nconst name = 1\nexport { name as other }'],
    ['what is imported and passed on', `import { a } from './a.ts'\nexport { a }\nconst b = 1`],
    ['what is not exported', 'const name = 1'],
  ] as const) {
    test(`has nothing against ${what}`, () => assertNone(undocumentedExports([{ path: 'src/planted.ts', text }])))
  }
})
