// The definitions of the command lines, and what is made of them: examples, defaults, man pages.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import type { Command } from 'commander'
import { manPages } from '../../.tools/man-pages.ts'
import { commandsOf, examplesFor, pathOf } from '../../src/cli/command-tree.ts'
import { threatbusExamples, vastThreatbusExamples } from '../../src/cli/examples.ts'
import { program as threatbus } from '../../src/cli/threatbus.ts'
import { program as vastThreatbus } from '../../src/cli/vast-threatbus.ts'

/** Parses a command line, and says which command would have run. */
async function commandMeantBy(program: Command, line: string): Promise<string> {
  let meant = ''
  for (const command of commandsOf(program)) {
    if (command.commands.length > 0 && command !== program) continue
    command.action(() => {
      meant = pathOf(command)
    })
  }
  const [name, ...words] = line.split(' ')
  assert.equal(name, program.name())
  await program.parseAsync(words, { from: 'user' })
  return meant
}

for (const [program, examples] of [
  [threatbus, threatbusExamples],
  [vastThreatbus, vastThreatbusExamples],
] as const) {
  describe(program.name(), () => {
    for (const command of commandsOf(program)) {
      const path = pathOf(command)

      test(`${path} --help has examples that can be meant, of this command`, async () => {
        const own = examplesFor(command)
        assert.ok(own.length > 0)
        for (const [line] of own) {
          const meant = await commandMeantBy(program, line)
          // A command that has others shows one of them.
          assert.ok(command === program ? meant === path : meant.startsWith(path), line)
        }
      })

      test(`${path} --help says of each value what it is without`, () => {
        const help = command.createHelp()
        for (const option of command.options.filter(({ required }) => required)) {
          assert.match(help.optionDescription(option), /\(.*default: .+\)$/, option.flags)
        }
      })
    }

    test('every example is of a command that there is', () => {
      assert.deepEqual(Object.keys(examples).sort(), commandsOf(program).map(pathOf).sort())
    })
  })
}

describe('the man page', () => {
  for (const [path, text] of manPages) {
    const [name] = /[\w-]+\.1$/.exec(path) ?? []
    test(`${name} is made of the present command line (npm run man)`, () => {
      assert.equal(readFileSync(path, 'utf8'), text)
    })

    test(`${name} has no line that a typesetter would take for a request of its own`, () => {
      for (const line of text.split('\n')) assert.match(line, /^(?!['.])|^\.(\\"|TH|SH|SS|TP|br)/)
    })
  }
})
