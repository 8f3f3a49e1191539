import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type InputItem, readObjects } from '../../src/cli/stix-input.ts'

/** Reads an input that arrives in pieces, cut at these places. */
async function itemsOf(bytes: Buffer, cuts: readonly number[] = []): Promise<InputItem[]> {
  const places = [...cuts.map(cut => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  async function* chunks() {
    let start = 0
    for (const end of places) {
      yield bytes.subarray(start, end)
      start = end
    }
  }
  const items: InputItem[] = []
  for await (const { bytes: _, ...item } of readObjects(chunks())) items.push(item)
  return items
}

/** An object whose text has no line breaks, as JSON.stringify writes it. */
const object = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { noNullPrototype: true }).map(properties => ({
  ...properties,
  type: 'indicator',
}))

test('how an input is cut into pieces on its way makes no difference', async () => {
  const pieces = fc.oneof(
    object.map(value => JSON.stringify(value)),
    object.map(value => JSON.stringify(value, undefined, 1)),
    fc.constantFrom('\n', '\r\n', ' ', '{', '5', '"ä', '[{}]', '{"type":"bundle","objects":[{}]}', '\ufeff'),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(pieces), fc.array(fc.nat()), async (texts, cuts) => {
      const bytes = Buffer.from(texts.join('\n'))
      assert.deepEqual(await itemsOf(bytes, cuts), await itemsOf(bytes))
    }),
  )
})

test('the objects of JSON lines are found as they stand there, each with its line, and a broken line costs only itself', async () => {
  const line = fc.oneof(
    object.map(value => ({ text: JSON.stringify(value), whole: true })),
    fc.constantFrom('', '{"type":', '"open', 'nonsense', '1 2').map(text => ({ text, whole: false })),
  )
  await fc.assert(
    fc.asyncProperty(object, fc.array(line), async (first, lines) => {
      const texts = [JSON.stringify(first), ...lines.map(({ text }) => text)]
      const items = await itemsOf(Buffer.from(texts.join('\n')))
      const found = items.flatMap(item => (item.kind === 'object' ? [[item.line, item.text]] : []))
      const expected = texts.flatMap((text, index) =>
        index === 0 || lines[index - 1]?.whole ? [[index + 1, text]] : [],
      )
      assert.deepEqual(found, expected)
    }),
  )
})

test('the members of a bundle over several lines are found as they stand there, each with its line', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(object), fc.nat(3), async (objects, indent) => {
      const texts = objects.map(value => JSON.stringify(value, undefined, indent))
      const head = '{\n "type": "bundle",\n "objects": ['
      const items = await itemsOf(Buffer.from(`${head}${texts.join(',\n')}]}`))
      let line = 3
      const expected = texts.map(text => {
        const item = { kind: 'object' as const, text, object: JSON.parse(text), line }
        line += text.split('\n').length
        return item
      })
      assert.deepEqual(items, expected)
    }),
  )
})

test('of JSON lines no more is read than the line that is asked for', async () => {
  let read = 0
  async function* endless() {
    for (;;) {
      read++
      yield Buffer.from('{"type":"indicator"}\n{"type":"sighting"}\n')
    }
  }
  const items = readObjects(endless())
  for (let asked = 0; asked < 10; asked++) await items.next()
  assert.equal(read, 5)
})

test('where an input over several lines is broken, that is the last that is found in it', async () => {
  for (const [text, line, problem] of [
    ['{\n"type":"indicator"\n}\n\n{"type"\n', 5, /a colon was expected, and the text ends/],
    ['{\n"a": 01\n}', 2, /a comma or } was expected, and there is "1"/],
    ['[\n{},\n5\n]', 3, /another JSON value/],
    ['{\n"a": "b\n"}', 2, /a line break or control character in a string/],
  ] as const) {
    const broken = (await itemsOf(Buffer.from(text))).flatMap(item => (item.kind === 'broken' ? [item] : []))
    assert.deepEqual(
      broken.map(item => item.line),
      [line],
      text,
    )
    assert.match(broken[0]?.problem ?? '', problem)
  }
  const notUtf8 = await itemsOf(Buffer.from([0x7b, 0x0a, 0xc3, 0x28]))
  assert.deepEqual(notUtf8, [{ kind: 'broken', problem: 'the text is not valid UTF-8', line: 2 }])
})
