// Every command of every page was run: here, as it stands there, or by whom this says.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, type TestContext, test } from 'node:test'
import { Host } from '../delivery/network.ts'
import { blocksOf, commandsOf, readPages } from '../rooms/pages.ts'
import { repository } from '../rooms/sources.ts'
import { readLog } from './log-lines.ts'

const pages = readPages()

/** Commands that others run: each with the file that does, and what that says. */
const elsewhere: Readonly<Record<string, readonly [file: string, says: string]>> = {
  'npm ci': ['.ci/run', 'npm ci'],
  'npm test': ['.ci/run', 'npm test'],
  'npm run build': ['package.json', '"pretest": "npm run build'],
  'npm run lint': ['package.json', 'npm run lint'],
  'npm run demo': ['test/system/run.test.ts', "startCommand(t, 'demo')"],
  'npm run charts': ['test/machines/chart-pictures.test.ts', 'npm run charts makes them so'],
  'npm run schema': ['test/config/config.test.ts', 'npm run schema'],
  'npm run man': ['test/cli/command-lines.test.ts', 'npm run man'],
  'npm pack': ['test/system/package.test.ts', "['pack',"],
  'node --conditions=development --test dist/test/system/protocol.test.js': ['package.json', 'dist/test/*/*.test.js'],
  'curl http://127.0.0.1:13373/metrics': ['test/observe/monitoring.test.ts', "'/metrics'"],
  'npm run bench': ['test/bench/bench.test.ts', 'each of two subscribers receives every message'],
  'npm run bench -- --throughput --against 127.0.0.1:13370': ['test/bench/bench.test.ts', 'a number of messages'],
  'npm run bench -- --peers': ['test/bench/bench-wires.test.ts', 'wire'],
  'npm run bench -- --report': ['test/bench/bench-report.test.ts', 'the report says when and where'],
  'npm run endurance -- kills': ['test/system/kill-loop.test.ts', 'killLoop'],
  'npm run endurance -- differential --sequences 10000 --seed 1': [
    'test/sockets/differential.test.ts',
    'compareSequences',
  ],
}

/** Commands that no test can run, and why. */
const byHand: Readonly<Record<string, string>> = {
  'sudo npm install --global --prefix /usr --ignore-scripts ./threatbus-0.1.0.tgz': 'writes to /usr',
  'cd /usr/lib/node_modules/threatbus/config': 'is there after the line before',
  'sudo install -D -m 644 threatbus.yaml /etc/threatbus/config.yaml': 'writes to /etc',
  'sudo install -m 644 threatbus.service /etc/systemd/system/': 'writes to /etc',
  'sudo systemctl enable --now threatbus': 'needs systemd',
  'sudo systemctl stop threatbus': 'needs systemd',
  'sudo systemctl start threatbus': 'needs systemd',
  'sudo tar -C /var/lib/threatbus -cf threatbus-history.tar history': 'reads /var/lib',
  'npm run format': 'writes to the sources',
  'npm run pictures': 'draws for minutes, and writes to the pages',
  'npm run bench -- --scale': 'takes minutes',
  'npm run bench -- --growth --log --logged 10000000': 'takes an hour',
}

const ranHere = new Set<string>()

/** A host of its own, where the default ports are free, with a directory in which the pages' files are. */
class Workplace {
  readonly directory: string
  readonly #t: TestContext
  readonly #host: Host
  readonly #path: string

  static async open(t: TestContext): Promise<Workplace> {
    return new Workplace(t, await Host.open(t))
  }

  private constructor(t: TestContext, host: Host) {
    this.#t = t
    this.#host = host
    this.directory = mkdtempSync(join(tmpdir(), 'threatbus-'))
    t.after(() => rmSync(this.directory, { recursive: true }))
    for (const name of ['config', 'test']) symlinkSync(join(repository, name), join(this.directory, name))
    const bin = join(this.directory, 'bin')
    mkdirSync(bin)
    for (const name of ['threatbus', 'vast-threatbus'])
      this.#script(join(bin, name), `exec '${process.execPath}' '${join(repository, `dist/bin/${name}.js`)}' "$@"`)
    // As npx does where the package is.
    this.#script(join(bin, 'npx'), 'exec "$@"')
    this.#path = `${bin}${delimiter}${process.env.PATH}`
  }

  #script(file: string, text: string): void {
    writeFileSync(file, `#!/bin/sh\n${text}\n`)
    chmodSync(file, 0o755)
  }

  /** Starts a command of a page as it stands there. It ends with the test at the latest. */
  start(command: string) {
    ranHere.add(command)
    const [program = '', ...args] = [...this.#host.within, 'sh', '-c', `exec ${command}`]
    const process = spawn(program, args, { cwd: this.directory, env: { ...globalThis.process.env, PATH: this.#path } })
    const closed = once(process, 'close') as Promise<[number | null]>
    this.#t.after(async () => {
      process.kill('SIGKILL')
      await closed
    })
    const output = createInterface(process.stdout)
    const lines: string[] = []
    output.on('line', line => lines.push(line))
    const { logged } = readLog(command, process.stderr, closed)
    return {
      lines,
      logged,
      /** Fulfilled once it has printed so many lines. */
      async printed(count: number): Promise<void> {
        while (lines.length < count) await once(output, 'line')
      },
      /** Asks it to end, and answers how it did. */
      async stop(): Promise<number | null> {
        process.kill('SIGTERM')
        return (await closed)[0]
      },
      ended: closed.then(([code]) => code),
    }
  }

  /** Runs a command to its end, which is a good one unless something else is said. */
  async run(command: string, code = 0): Promise<readonly string[]> {
    const { ended, lines } = this.start(command)
    assert.equal(await ended, code, command)
    return lines
  }

  /** Starts a broker, and waits until it serves. */
  async serve(command: string) {
    const broker = this.start(command)
    await broker.logged(({ msg }) => msg.startsWith('serving'))
    return broker
  }
}

describe('the commands of the pages', () => {
  test('of the front page and of the operator do what they say', async t => {
    // publish ─▶ broker ─▶ subscribe
    const here = await Workplace.open(t)
    const broker = await here.serve('npx threatbus')
    const subscriber = here.start('npx threatbus subscribe stix2/indicator stix2/sighting')
    await broker.logged(({ msg }) => msg.startsWith('joined'))
    await here.run('npx threatbus publish config/sample-bundle.json')
    await subscriber.printed(8)
    for (const command of ['npx threatbus status', 'threatbus status'])
      assert.match((await here.run(command)).join('\n'), /serving/)
    assert.equal(
      (await here.run('npx threatbus ping --count 3')).filter(line => line.includes(' ms')).length >= 3,
      true,
    )
    assert.deepEqual(await here.run('npx threatbus subscribers list --stale'), [])
    await here.run('npx threatbus subscribers drop --address 203.0.113.7 --never-joined --yes')
    await here.run('npx threatbus subscribers drop abcdef…', 1)
    await here.run('npx threatbus history info')
    await here.run('npx threatbus history export --since 7d --latest --format bundle > week.json')
    await here.run('npx threatbus history import week.json')
    await subscriber.printed(16)
    await here.run('npx threatbus history export > backup.jsonl')
    await subscriber.stop()
    assert.equal(await broker.stop(), 0)
    rmSync(join(here.directory, 'threatbus-history'), { recursive: true })
    await here.run('npx threatbus history import backup.jsonl')
    writeFileSync(join(here.directory, 'config.yaml'), '{}\n')
    await here.run('npx threatbus check -c config.yaml')
    assert.equal(await (await here.serve('npx threatbus -c config.yaml')).stop(), 0)
  })

  test('of the connector and of the inspector do what they say', async t => {
    // publish ─▶ broker ─▶ connector ─▶ awk ─▶ connector ─▶ broker ─▶ subscribe
    const here = await Workplace.open(t)
    const connectorPage = pages.find(({ path }) => path === 'src/connector/README.md')
    assert.ok(connectorPage)
    for (const [file, lang] of Object.entries({ 'try.yaml': 'yaml', 'indicator.json': 'json' }))
      writeFileSync(join(here.directory, file), String(blocksOf(connectorPage, lang)[0]))
    const broker = await here.serve('npx threatbus --trace incident.jsonl')
    const connector = here.start('npx vast-threatbus -c try.yaml')
    const subscriber = here.start('npx threatbus subscribe stix2/sighting')
    await broker.logged(({ msg, topics }) => msg === 'subscribed' && String(topics) === 'stix2/sighting')
    await here.run('npx threatbus publish indicator.json')
    await subscriber.printed(5)
    const both = here.start('npx threatbus inspect http://127.0.0.1:13373 http://127.0.0.1:13374')
    await both.printed(1)
    await both.stop()
    await Promise.all([subscriber.stop(), connector.stop()])
    assert.equal(await broker.stop(), 0)
    const trace = here.start('npx threatbus inspect incident.jsonl')
    await trace.printed(1)
    assert.match(trace.lines.join(), /http:/)
    await trace.stop()
    await here.run('npx threatbus inspect --save incident.html incident.jsonl')
    assert.match(readFileSync(join(here.directory, 'incident.html'), 'utf8'), /^<!doctype html>/i)
  })

  test('are all of them', () => {
    const known = new Set([...ranHere, ...Object.keys(elsewhere), ...Object.keys(byHand)])
    const told = new Set(pages.flatMap(commandsOf))
    assert.deepEqual(
      [...told].filter(command => !known.has(command)),
      [],
      'nobody runs these',
    )
    assert.deepEqual(
      [...known].filter(command => !told.has(command)),
      [],
      'no page has these',
    )
  })

  test('are run by those that this names', () => {
    for (const [command, [file, says]] of Object.entries(elsewhere))
      assert.ok(readFileSync(join(repository, file), 'utf8').includes(says), `${command}: ${file} does not say ${says}`)
  })
})
