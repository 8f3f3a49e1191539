// Programs that the configuration names and that are not there: told with the path, at once.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, relative } from 'node:path'
import { after, describe, test } from 'node:test'
import { runCommand } from '../../src/connector/command.ts'
import { missingProgram, missingPrograms } from '../../src/connector/program.ts'
import { connectorCommand, startConnector } from './connector-process.ts'

const directory = mkdtempSync(join(tmpdir(), 'vast-threatbus-program-'))
after(() => rmSync(directory, { recursive: true, force: true }))

function file(name: string, mode: number): string {
  const path = join(directory, name)
  writeFileSync(path, '#!/bin/sh\n')
  chmodSync(path, mode)
  return path
}

const runs = file('runs', 0o755)
const plain = file('plain', 0o644)
const folder = join(directory, 'folder')
mkdirSync(folder)

describe('a program', () => {
  for (const [program, expected] of [
    [runs, undefined],
    [relative(process.cwd(), runs), undefined],
    ['runs', undefined],
    [join(directory, 'absent'), `${join(directory, 'absent')} is not there: install it, or write the path where it is`],
    [join(runs, 'below'), `${join(runs, 'below')} is not there: install it, or write the path where it is`],
    [relative(process.cwd(), plain), `${plain} may not be run by this user: make it executable (chmod +x)`],
    ['plain', `${plain} may not be run by this user: make it executable (chmod +x)`],
    [folder, `${folder} is no file: name the program itself`],
  ] as const) {
    test(`${program.replace(directory, '…')} ${expected?.replaceAll(directory, '…') ?? 'may be run'}`, async () => {
      const path = program.includes('/') ? program : join(directory, program)
      assert.equal(missingProgram(program, ['/nowhere', directory].join(delimiter)), expected)
      const { outcome, sentence } = await runCommand([path], { maxLineBytes: 1024, killGraceMs: 1000 })
      assert.equal(outcome, expected === undefined ? 'succeeded' : 'not_started')
      if (expected !== undefined) assert.equal(sentence, `could not be started: ${expected}`)
    })
  }

  test('whose interpreter is not there', async () => {
    const path = join(directory, 'script')
    writeFileSync(path, '#!/nowhere/sh\n')
    chmodSync(path, 0o755)
    const { outcome, sentence } = await runCommand([path], { maxLineBytes: 1024, killGraceMs: 1000 })
    assert.equal(outcome, 'not_started')
    assert.match(sentence, /script is there, and the interpreter that it names is not/)
  })

  test('that no directory of PATH has', () => {
    const sentence = missingProgram('absent', `/nowhere${delimiter}${directory}`)
    assert.match(sentence ?? '', /^there is no absent in PATH \(\/nowhere:.+\): install it, or write its whole path$/)
  })
})

test('every program of a configuration is looked at, by its key', () => {
  const missing = { vast_binary: '/nowhere/vast', transform_context: '"/no where/jq" -c %ioc', sink: '/nowhere/tee x' }
  assert.deepEqual(
    missingPrograms(missing).map(line => line.split(' is not there')[0]),
    ['vast_binary: /nowhere/vast', 'transform_context: /no where/jq', 'sink: /nowhere/tee'],
  )
  assert.deepEqual(missingPrograms({ vast_binary: runs, transform_context: `${runs} -c`, sink: 'STDOUT' }), [])
})

test('a vast_binary that may not be run is an error in the log at the start, and the reason why VAST does not answer', async t => {
  const connector = startConnector(t, { manage: 1 }, { binary: plain })
  const reason = `${plain} may not be run by this user: make it executable (chmod +x)`
  await connector.logged(({ level, msg }) => level === 'ERROR' && msg === `vast_binary: ${reason}`)
  await connector.logged(({ msg }) => msg.startsWith('VAST does not answer') && msg.endsWith(reason))
  assert.equal(await connector.stop(), 0)
})

test('check warns of a vast_binary that is not there, and prints what is in effect', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [connectorCommand, 'check'], {
    cwd: directory,
    env: { ...process.env, VAST_THREATBUS_VAST_BINARY: '/nowhere/vast' },
    encoding: 'utf8',
  })
  assert.match(stderr, /^warning: vast_binary: \/nowhere\/vast is not there: .+\n$/)
  assert.match(stdout, /^vast_binary: \/nowhere\/vast$/m)
  assert.equal(status, 0)
})
