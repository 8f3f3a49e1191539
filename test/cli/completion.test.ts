// What shells offer: the real ones, with the scripts that the programs print for them.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { completion } from '../../src/cli/completion/completion.ts'
import { type Offer, placesOf } from '../../src/cli/completion/places.ts'
import { program as threatbus } from '../../src/cli/threatbus.ts'
import { program as vastThreatbus } from '../../src/cli/vast-threatbus.ts'
import { temporaryFile } from '../system/command-process.ts'

const run = promisify(execFile)

/** A directory with the script, two files and a directory. */
function scene(t: TestContext, script: string): { readonly directory: string; readonly file: string } {
  const file = temporaryFile(t, 'completion', script)
  const directory = join(file, '..', 'here')
  mkdirSync(join(directory, 'a place'), { recursive: true })
  for (const name of ['bundle.json', 'it is.json']) writeFileSync(join(directory, name), '')
  return { directory, file }
}

/** What is offered for the last word of each command line, in the order of the alphabet. */
type Ask = (t: TestContext, script: string, lines: readonly (readonly string[])[]) => Promise<readonly string[][]>

const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`

const bash: Ask = async (t, script, lines) => {
  const { directory, file } = scene(t, script)
  const name = `_${lines[0]?.[0]?.replaceAll('-', '_')}`
  const asked = lines.map(
    words => `COMP_WORDS=(${words.map(quoted).join(' ')}); COMP_CWORD=${words.length - 1}; ${name}
for each in "\${COMPREPLY[@]}"; do printf '%s\\n' "$each"; done; echo ===`,
  )
  const args = ['--noprofile', '--norc', '-c', `source ${quoted(file)}; cd ${quoted(directory)}; ${asked.join('\n')}`]
  return blocks((await run('bash', args)).stdout)
}

const fish: Ask = async (t, script, lines) => {
  const { directory, file } = scene(t, script)
  const asked = lines.map(words => `complete -C ${quoted(words.join(' '))}; echo ===`)
  const args = ['--no-config', '-c', `source ${quoted(file)}; cd ${quoted(directory)}; ${asked.join('\n')}`]
  const found = blocks((await run('fish', args)).stdout)
  return found.map(each => [...new Set(each.map(line => (line.split('\t')[0] ?? '').replace(/\/$/, '')))])
}

function blocks(output: string): string[][] {
  return output
    .split('===\n')
    .slice(0, -1)
    .map(block =>
      block
        .split('\n')
        .filter(line => line !== '')
        .sort(),
    )
}

function offered(offer: Offer | undefined): readonly string[] {
  if (offer === undefined || offer === 'anything') return []
  if (typeof offer === 'object') return offer.words
  return offer === 'files' ? ['a place', 'bundle.json', 'it is.json'] : ['a place']
}

for (const program of [threatbus, vastThreatbus]) {
  for (const [shell, ask] of Object.entries({ bash, fish })) {
    test(`${shell} offers the commands, options and values of ${program.name()}, each where it belongs`, async t => {
      const cases = placesOf(program).flatMap(({ path, commands, options, operand }) => {
        const words = [program.name(), ...path.split('/').slice(1)]
        const flags = options.flatMap(option => option.flags)
        // fish offers an option's long form alone while nothing or one dash is typed, and both behind a dash.
        const long = flags.filter(flag => flag.startsWith('--'))
        return [
          [
            [...words, ''],
            [...commands.map(({ name }) => name), ...offered(operand)],
          ] as const,
          [[...words, '--'], long] as const,
          ...options
            .filter(({ value }) => value !== undefined)
            .map(({ flags, value }) => [[...words, flags.at(-1) ?? '', ''], offered(value)] as const),
        ]
      })
      const found = await ask(
        t,
        completion(program, shell as 'bash' | 'fish'),
        cases.map(([words]) => words),
      )
      assert.deepEqual(
        found,
        cases.map(([, expected]) => [...expected].sort()),
      )
    })
  }
}

describe('zsh', () => {
  test('completes what is typed, up to the values of options', async t => {
    const { directory, file } = scene(t, completion(threatbus, 'zsh'))
    const typed = ['hist\texp\t--form\tb\t', 'sta\t--j\t', 'subscribe --form\tf\tstix2/i\t', 'publ\tbun\t']
    // An interactive zsh on a pseudo-terminal of another one, which types.
    const script = `zmodload zsh/zpty
zpty z 'zsh -f -i'
type() { zpty -n -w z "$1" }
type $'PS1=; bindkey -e; autoload -Uz compinit; compinit -u -D; cd ${directory}; source ${file}\\n'
type $'threatbus() { print -r -- "<\${(j:|:)@}>" }\\n'
${typed.map(words => `type $'threatbus ${words.replaceAll('\t', '\\t')}\\n'`).join('\n')}
type $'exit\\n'
while zpty -r z part; do print -rn -- "$part"; done`
    const { stdout } = await run('zsh', ['-f', '-c', script])
    const lines = [...stdout.matchAll(/^<(.+)>\r*$/gm)].map(match => match[1])
    assert.deepEqual(lines, [
      'history|export|--format|bundle',
      'status|--json',
      'subscribe|--format|frames|stix2/indicator',
      'publish|bundle.json',
    ])
  })

  for (const program of [threatbus, vastThreatbus]) {
    test(`reads the function for ${program.name()} when it is autoloaded`, async t => {
      const { file } = scene(t, completion(program, 'zsh'))
      const { stderr } = await run('zsh', ['-f', '-n', file])
      assert.equal(stderr, '')
    })
  }
})
