import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { roomsPath, withRoomRules } from '../../.tools/room-rules.ts'
import { citationsIn, citedPages, wrongCitations } from './citations.ts'
import { brokenLinks, commandsOf, headingsOf, readPages, readPaths } from './pages.ts'
import { readSources, repository } from './sources.ts'

const pages = readPages()
const paths = readPaths()
const others = [...paths].filter(path =>
  /\.(?:css|sh|py|pl|php|bsh|ya?ml|service|logrotate)$|Containerfile$|^\.ci\/run$/.test(path),
)
const sources = [
  ...readSources().filter(({ path }) => !path.startsWith('test/rooms/')),
  ...others.map(path => ({ path, text: readFileSync(join(repository, path), 'utf8') })),
]

function assertNone(complaints: readonly string[]): void {
  assert.deepEqual(complaints, [], complaints.join('\n'))
}

describe('the pages', () => {
  test('lead somewhere by every link and picture', () => assertNone(brokenLinks(pages, paths)))

  test('are cited by headings that they have, and nothing else is that is not here', () => {
    assert.ok(citationsIn(sources, citedPages(pages)) >= 50)
    assertNone(wrongCitations(sources, pages, paths))
  })

  test('say of every room what its rule is (npm run charts makes it so)', () => {
    const page = readFileSync(roomsPath, 'utf8')
    assert.equal(withRoomRules(page), page)
    assert.throws(() => withRoomRules('no place'), /has no <!-- rooms -->/)
  })

  test('begin with a front door of 300 lines at most', () => {
    const front = pages.find(({ path }) => path === 'README.md')
    assert.ok(Number(front?.text.split('\n').length) <= 300)
  })
})

describe('the check of the links', () => {
  const there = new Set(['a.md', 'src', 'src/b.md', 'src/b.png'])
  const broken = (text: string) =>
    brokenLinks(
      [
        { path: 'src/b.md', text },
        { path: 'a.md', text: '# A title: `x`\n\n## Two\n\n## Two' },
      ],
      there,
    )

  for (const text of [
    '[x](c.md)',
    '![x](c.png)',
    '[x](../src/c)',
    '[x](../a.md#three)',
    '[x](#title)',
    '[x][1]\n\n[1]: c',
  ])
    test(`finds ${JSON.stringify(text)}`, () => assert.equal(broken(text).length, 1))

  test('has nothing against what leads somewhere, and follows nothing else', () => {
    const links = ['../a.md', '../a.md#a-title-x', '../a.md#two-1', '../src/', 'b.png', 'https://example.org/x', '#own']
    assertNone(broken(`# Own\n\n${links.map(link => `[x](${link})`).join('\n')}\n\n\`[x](no)\`\n\n    [x](no)\n`))
  })
})

describe('the check of the citations', () => {
  const contributing = { path: '.github/CONTRIBUTING.md', text: '| `PROTOCOL` | [`p.md`](../p.md) | |' }
  const protocol = { path: 'p.md', text: '# P\n\n## Frames on pub\n' }
  const wrong = (text: string) =>
    wrongCitations([{ path: 'a.ts', text }], [contributing, protocol], new Set(['p.md', 'src/p.md']))

  for (const text of [
    '/** PROTOCOL "Frames". */',
    'const why = \'PROTOCOL "Frames"\'',
    '/** As PROTOCOL has it. */',
    '/** (VAST "Frames on pub") */',
    '// VAST.md says so',
    '/* src/q.md */',
    '/* issue 4 */',
    '/**\n * It is so (issue "The broker").\n */',
  ])
    test(`finds ${JSON.stringify(text)}`, () => assert.equal(wrong(text).length, 1, wrong(text).join('\n')))

  test('has nothing against headings, standards, pages, issues with their addresses, and code', () => {
    assertNone(
      wrong(
        [
          '/** (PROTOCOL "Frames on pub", STIX "Constants") */',
          '/**\n * PROTOCOL "Frames\n * on pub", PROTOCOL\n * "Frames on pub"\n */',
          '// src/p.md, RFC 23 "Framing", libzmq issue 4841, https://github.com/a/b/issues/4',
          "const file = 'src/q.md'",
        ].join('\n'),
      ),
    )
  })

  test('tells the line', () => assert.match(wrong('\n\n/** PROTOCOL "X" */').join(), /^a\.ts:3 cites PROTOCOL "X"/))

  test('knows no word for a page that is not there', () => {
    assert.throws(() => citedPages([contributing]), /PROTOCOL stands for p\.md, which is no page/)
  })
})

test('what is read of a page are its headings, and the commands of its blocks', () => {
  const text = '# A `b` c\n\n```sh\nnpm ci && npm test # all\n# nothing\nnpx x --y  # z\n```\n\n```ts\nno\n```\n'
  assert.deepEqual(headingsOf({ path: '', text }), [{ text: 'A `b` c', anchor: 'a-b-c' }])
  assert.deepEqual(commandsOf({ path: '', text }), ['npm ci', 'npm test', 'npx x --y'])
})
