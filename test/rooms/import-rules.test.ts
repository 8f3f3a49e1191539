import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { brokenImportRules, type PackageLists } from './import-rules.ts'
import { readSources, repository } from './sources.ts'

const packages: PackageLists = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'))

/** What the rules say of one planted file, without its path. */
function verdictOn(path: string, text: string): string[] {
  return brokenImportRules([{ path, text }], packages).map(complaint => complaint.replace(`${path}:`, ''))
}

describe('the rooms of the house', () => {
  test('import only what their rules allow, and nothing in a circle', () => {
    const broken = brokenImportRules(readSources(), packages)
    assert.deepEqual(broken, [], broken.join('\n'))
  })
})

describe('the check of the import rules', () => {
  const pure = 'the protocol is pure: it imports itself, node:buffer and node:crypto, and types of the vocabulary'

  for (const [form, text, complaint] of [
    ['import', `import { readFileSync } from 'node:fs'`, `1 imports 'node:fs': ${pure}`],
    ['import for its effect', `\nimport 'pino'`, `2 imports 'pino': ${pure}`],
    ['import type', `import type { Socket } from 'zeromq'`, `1 imports types of 'zeromq': ${pure}`],
    ['import of a type', `import { type Socket } from 'zeromq'`, `1 imports 'zeromq': ${pure}`],
    ['export from', `export { PubSocket } from '../sockets/pub.ts'`, `1 imports '../sockets/pub.ts': ${pure}`],
    ['export type from', `export type { Socket } from 'zeromq'`, `1 imports types of 'zeromq': ${pure}`],
    ['export all', `export * from 'zod'`, `1 imports 'zod': ${pure}`],
    [
      'import()',
      `export async function f() {\n  return (await import('node:net')).Socket\n}`,
      `2 imports 'node:net': ${pure}`,
    ],
    ['computed import()', `const name = 'node:net'\nawait import(name)`, `2 imports something computed: ${pure}`],
    ['import() of a type', `export let log: import('pino').Logger`, `1 imports types of 'pino': ${pure}`],
    ['require()', `const fs = require('fs')`, `1 imports 'fs': ${pure}`],
    ['import = require()', `import fs = require('node:fs')`, `1 imports 'node:fs': ${pure}`],
  ] as const) {
    test(`catches a planted violation: ${form}`, () => {
      assert.deepEqual(verdictOn('src/protocol/planted.ts', text), [complaint])
    })
  }

  test('lets through what is allowed, and what only looks like an import', () => {
    const text = [
      `import { Buffer } from 'node:buffer'`,
      `import type { EndpointName } from '../../machines/vocabulary-endpoint.ts'`,
      `import { refuse } from './refusal.ts'`,
      `// import fs from 'node:fs'`,
      `export const advice = "import fs from 'node:fs'"`,
      `export const required = { require: (name: string) => name }.require('fs')`,
    ].join('\n')
    assert.deepEqual(verdictOn('src/protocol/planted.ts', text), [])
  })

  test('tells a type from what runs', () => {
    const wrong = verdictOn('src/actors/planted.ts', `import { PubSocket } from '../sockets/pub.ts'`)
    assert.equal(wrong.length, 1)
    assert.match(wrong.join(), /types only \(`import type` would do\)$/)
    assert.deepEqual(verdictOn('src/actors/planted.ts', `import type { PubSocket } from '../sockets/pub.ts'`), [])
  })

  test('keeps tests out of what runs, commands out of everything else, and zeromq in its room', () => {
    assert.equal(verdictOn('src/cli/planted.ts', `import '../../test/system/wire.ts'`).length, 1)
    assert.equal(verdictOn('src/broker.ts', `import { run } from './cli/run.ts'`).length, 1)
    assert.equal(verdictOn('src/cli/planted.ts', `import { Publisher } from 'zeromq'`).length, 1)
    assert.equal(verdictOn('machines/planted.ts', `import { randomUUID } from 'node:crypto'`).length, 1)
    assert.equal(verdictOn('machines/planted.ts', `import { endpointChart } from './endpoint.ts'`).length, 1)
  })

  test('knows the dependencies', () => {
    assert.deepEqual(verdictOn('test/protocol/planted.ts', `import fc from 'fast-check'`), [])
    assert.equal(verdictOn('test/protocol/planted.ts', `import _ from 'lodash'`).length, 1)
    const without = brokenImportRules([{ path: 'src/config/planted.ts', text: `import { z } from 'zod'` }], {
      ...packages,
      dependencies: {},
      devDependencies: { zod: '4' },
    })
    assert.deepEqual(without, [
      "src/config/planted.ts:1 imports 'zod': what runs is imported from package.json's dependencies only",
    ])
  })

  test('finds a circle, types included, once', () => {
    const circle = brokenImportRules(
      [
        { path: 'src/delivery/a.ts', text: `import type { B } from './b.ts'` },
        { path: 'src/delivery/b.ts', text: `\nexport * from './c.ts'` },
        { path: 'src/delivery/c.ts', text: `import { b } from './b.ts'\nimport { d } from './d.ts'` },
        { path: 'src/delivery/d.ts', text: '' },
      ],
      packages,
    )
    assert.deepEqual(circle, [
      "src/delivery/b.ts:2 imports './c.ts': imports never go in a circle, but here src/delivery/b.ts → src/delivery/c.ts → src/delivery/b.ts",
    ])
  })

  test('finds a file that is in no room', () => {
    assert.match(verdictOn('src/shed/planted.ts', '').join(), /^1 is in no room/)
  })
})
