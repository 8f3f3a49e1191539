import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type InputItem, readObjects } from '../../src/cli/stix-input.ts'

/** Reads an input that arrives in pieces, cut at these places. */
async function itemsOf(bytes: Buffer, cuts: readonly number[] = [], maxObjectBytes = 1_000_000): Promise<InputItem[]> {
  const places = [...cuts.map(cut => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  async function* chunks() {
    let start = 0
    for (const end of places) {
      yield bytes.subarray(start, end)
      start = end
    }
  }
  const items: InputItem[] = []
  for await (const item of readObjects(chunks(), maxObjectBytes)) items.push(item)
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

test('the members of a bundle over several lines are found as they stand there, each with its line and index', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(object), fc.nat(3), async (objects, indent) => {
      const texts = objects.map(value => JSON.stringify(value, undefined, indent))
      const head = '{\n "type": "bundle",\n "objects": ['
      const items = await itemsOf(Buffer.from(`${head}${texts.join(',\n')}]}`))
      let line = 3
      const expected = texts.map((text, index) => {
        const path = `.objects[${index}]`
        const item = { kind: 'object' as const, text, object: JSON.parse(text), line, path }
        line += text.split('\n').length
        return item
      })
      assert.deepEqual(items, expected)
    }),
  )
})

/** What is in an input: an object's text, or what stands for its members. */
type Content = string | { readonly before: string; readonly members: readonly Content[]; readonly after: string }

/** Bundles and TAXII envelopes with their members in any order, and lists, in one another. */
const { content } = fc.letrec<{ content: Content }>(tie => ({
  content: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.tuple(object, fc.nat(2)).map(([value, indent]) => JSON.stringify(value, undefined, indent)),
    fc
      .record({
        brackets: fc.constantFrom(
          ['[', ']'],
          ['{"type":"bundle","objects":[', ']}'],
          ['{ "objects" :\n[', '], "type" : "bundle" }'],
          ['{"\\u006fbjects":[ ', '],\n"id":"ä"}'],
          ['{"more":true,"objects":[', '],"next":"]}\\""}'],
        ),
        members: fc.array(tie('content')),
      })
      .map(({ brackets: [before = '', after = ''], members }) => ({ before, members, after })),
  ),
}))

/** The text of it, and where each object stands in it. */
function written(content: Content, path = ''): { text: string; places: { at: number; path: string; text: string }[] } {
  if (typeof content === 'string') return { text: content, places: [{ at: 0, path, text: content }] }
  const list = content.before === '[' ? path || '.' : `${path}.objects`
  let text = content.before
  const places = content.members.flatMap((member, index) => {
    if (index > 0) text += ' ,\n'
    const inner = written(member, `${list}[${index}]`)
    const start = text.length
    text += inner.text
    return inner.places.map(({ at, ...place }) => ({ ...place, at: start + at }))
  })
  return { text: text + content.after, places }
}

test('bundles, TAXII envelopes and lists stand for what is in them, however they are in one another, large or small', async () => {
  await fc.assert(
    fc.asyncProperty(content, fc.array(fc.nat()), fc.constantFrom(100, 1_000_000), async (content, cuts, maxBytes) => {
      const { text, places } = written(content)
      const items = await itemsOf(Buffer.from(text), cuts, maxBytes)
      const expected = places.map(({ at, path, text: own }) => {
        const line = text.slice(0, at).split('\n').length
        if (Buffer.byteLength(own) <= maxBytes) return { kind: 'object', text: own, line, path }
        return { kind: 'too_large', line, path }
      })
      const found = items.map(({ kind, line, path, ...item }) =>
        'text' in item ? { kind, text: item.text, line, path } : { kind, line, path },
      )
      assert.deepEqual(found, expected)
    }),
  )
})

test('a bundle is read as it comes: no more than what is asked for and a little, if it says first that it is one', async () => {
  let read = 0
  const member = `{"type":"indicator","id":"${'x'.repeat(1000)}"}`
  async function* endless() {
    yield Buffer.from('{"type":"bundle","objects":[')
    for (;;) {
      read++
      yield Buffer.from(`${member},`)
    }
  }
  const items = readObjects(endless(), 1_000_000)
  for (let asked = 0; asked < 1000; asked++) {
    const { value } = await items.next()
    assert.ok(value?.kind === 'object' && value.text === member && value.path === `.objects[${asked}]`)
  }
  // Before it is looked into, 64 KiB are held.
  assert.ok(read < 1100, `${read}`)
})

test('what is not closed, repeated, misplaced or too deep in a bundle is found where it is, after what stands before it', async () => {
  const one = '{"type":"indicator"}'
  for (const [text, path, line, problem] of [
    [`{"type":"bundle",\n"objects":[${one},\n{"type":"ind`, '.objects[1]', 3, /a string that is not closed/],
    [`{"objects":[${one},\n{"type":1]}`, '.objects[1]', 2, /a comma or } was expected, and there is "\]"/],
    [`[${one},\n]`, '.[1]', 2, /a value was expected, and there is "\]"/],
    [`[\n${one} ä]`, '.', 2, /a comma or \] was expected, and there is "ä"/],
    [`[${one}`, '.', 1, /a comma or \] was expected, and the text ends/],
    [`[\n${one},,]`, '.[1]', 2, /a value was expected, and there is ","/],
    [`{"objects":[${one}]\n\n "type":"bundle"}`, '.objects', 3, /a comma or } was expected, and there is "\\""/],
    [`{"objects":[${one}]`, '.objects', 1, /a comma or } was expected, and the text ends/],
    [`{"type":"bundle","objects":[${one},\n01]}`, '.objects[1]', 2, /the end was expected, and there is "1"/],
    [`[${one},${'['.repeat(100_000)}`, `.[1]${'[0]'.repeat(16)}`, 1, /more than 16 .* are in one another/],
  ] as const) {
    const [found, broken, ...more] = await itemsOf(Buffer.from(text))
    const shown = text.slice(0, 60)
    assert.ok(found?.kind === 'object' && found.text === one, shown)
    assert.ok(broken?.kind === 'broken', shown)
    assert.deepEqual([broken.path, broken.line], [path, line], shown)
    assert.match(broken.problem, problem)
    assert.deepEqual(more, [])
  }
})

test('a large bundle that begins on one line and goes on in the next is no JSON line: where it is broken, the input ends', async () => {
  const one = '{"type":"indicator"}'
  const items = await itemsOf(Buffer.from(`{\n"objects":[${one},${one},${one},${one} ${one}]}\n${one}`), [110], 100)
  assert.deepEqual(
    items.map(({ kind, path }) => [kind, path]),
    [...[0, 1, 2, 3].map(index => ['object', `.objects[${index}]`]), ['broken', '.objects']],
  )
})

test('an object that only looked like a bundle, being large, is not taken for one without a word', async () => {
  const member = `{"type":"indicator","id":"${'x'.repeat(70)}"}`
  for (const [end, problem] of [
    ['"type":"x-box"', /which it is not/],
    ['"objects":[1]', /two lists/],
  ] as const) {
    const items = await itemsOf(Buffer.from(`{"objects":[${member},${member}],${end}}`), [150], 100)
    assert.deepEqual(
      items.map(({ kind }) => kind),
      ['object', 'object', 'broken'],
    )
    assert.match(items[2]?.kind === 'broken' ? items[2].problem : '', problem)
  }
  const whole = `{"objects":[${member}],"type":"x-box"}`
  assert.deepEqual(await itemsOf(Buffer.from(whole)), [
    { kind: 'object', text: whole, object: JSON.parse(whole), line: 1, path: '' },
  ])
})

test('what is too large is passed over, and named by what is known of it', async () => {
  const large = `{"type":"artifact","id":"artifact--1","payload_bin":"${'A\\"'.repeat(5000)}","x":[{}]}`
  const small = '{"type":"indicator"}'
  const found = { kind: 'object', text: small, object: JSON.parse(small) }
  for (const cuts of [[], [100, 200, 300], [5000]]) {
    const items = await itemsOf(Buffer.from(`[${large},${small}]\n${large}\n${small}`), cuts, 100)
    const tooLarge = { kind: 'too_large', type: 'artifact', id: 'artifact--1' }
    assert.deepEqual(items, [
      { ...tooLarge, line: 1, path: '.[0]' },
      { ...found, line: 1, path: '.[1]' },
      { ...tooLarge, line: 2, path: '' },
      { ...found, line: 3, path: '' },
    ])
  }
})

test('an object that is not UTF-8 costs only itself, wherever it is, if it ends', async () => {
  const [one, two] = ['{"type":"indicator"}', '{"type":"sighting"}']
  const bad = Buffer.from('{"id":"i","name":\n"\xe4"}', 'latin1')
  const items = await itemsOf(Buffer.concat([Buffer.from(`[${one},`), bad, Buffer.from(`,${two}]`)]))
  assert.deepEqual(items, [
    { kind: 'object', text: one, object: JSON.parse(one), line: 1, path: '.[0]' },
    { kind: 'broken', problem: 'the text is not valid UTF-8', id: 'i', line: 2, path: '.[1]' },
    { kind: 'object', text: two, object: JSON.parse(two), line: 2, path: '.[2]' },
  ])
})

test('bundles and envelopes without objects hold nothing; a byte order mark is none of the text', async () => {
  for (const text of [
    '',
    ' \n',
    '{"type":"bundle"}',
    '{"type":"bundle","objects":[]}',
    '[]',
    '{"more":false}',
    '{}',
    '\ufeff{}',
  ]) {
    assert.deepEqual(await itemsOf(Buffer.from(text)), [], text)
    assert.deepEqual(await itemsOf(Buffer.from(text), [0, 1, 2, 3]), [], text)
  }
  const [nameless] = await itemsOf(Buffer.from('{"type":"bundle","objects":{"a": 1}}'))
  assert.ok(nameless?.kind === 'object' && nameless.text === '{"a": 1}' && nameless.path === '.objects')
})

test('of JSON lines no more is read than the line that is asked for', async () => {
  let read = 0
  async function* endless() {
    for (;;) {
      read++
      yield Buffer.from('{"type":"indicator"}\n{"type":"sighting"}\n')
    }
  }
  const items = readObjects(endless(), 1000)
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
  assert.deepEqual(notUtf8, [{ kind: 'broken', problem: 'the text is not valid UTF-8', line: 2, path: '' }])
})
