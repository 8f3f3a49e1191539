import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { charts, chartsPath, chartsWithoutPicture, withChartPictures } from '../../.tools/chart-pictures.ts'
import { mermaidOf } from '../../.tools/mermaid.ts'
import { loadMermaidParser } from '../../.tools/mermaid-parser.ts'

describe('the pictures of the charts in machines/README.md', () => {
  const mermaid = loadMermaidParser()

  test('are up to date (npm run charts makes them so)', () => {
    const page = readFileSync(chartsPath, 'utf8')
    assert.equal(page, withChartPictures(page))
  })

  test('are there for every chart in machines/', () => {
    assert.deepEqual(chartsWithoutPicture(readFileSync(chartsPath, 'utf8')), [])
  })

  for (const [name, chart] of charts) {
    test(`can be read by mermaid: ${name}`, async () => {
      await mermaid.parse(mermaidOf(chart))
    })
  }

  test('stand between their two marks, whatever stood there, and nothing else changes', () => {
    for (const [name, chart] of charts) {
      const before = `# Title\n\n<!-- chart:${name} -->\nold\n<!-- /chart -->\n\nThe end.\n`
      const after = withChartPictures(before)
      const picture = `\`\`\`mermaid\n${mermaidOf(chart)}\n\`\`\``
      assert.equal(
        after,
        before.replace('old', () => picture),
      )
      assert.equal(withChartPictures(after), after)
    }
  })

  test('belong to a chart that exists', () => {
    const page = '<!-- chart:ghost -->\n<!-- /chart -->'
    assert.throws(() => withChartPictures(page), /machines\/ghost\.ts holds no chart/)
  })

  test('are missed when a chart has none', () => {
    assert.deepEqual(chartsWithoutPicture(''), [...charts.keys()])
  })
})
