// A platform publishes indicators with values that an attacker chose → the connector gives what VAST finds to commands.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { standInVast } from '../fixtures/stand-in-vast.ts'
import { startBrokerHere } from '../system/broker-here.ts'
import { temporaryFile } from '../system/command-process.ts'
import { event, indicator, platform } from './applications.ts'
import { startConnector } from './connector-process.ts'

/** Host names that would do harm, if anything took them for more than text. */
const nasty = [
  'plain.test',
  'two words.test',
  `quo"te's.test`,
  '$(touch pwned).test',
  '`touch pwned`;touch pwned.test',
  'new\nline.test',
  '-rf.test',
  '--help',
  '%matchtype %ioc',
  'back\\slash.test',
]

const events = nasty.map((hostname, at) => event(at, { http: { hostname } }))

function indicatorOf(hostname: string) {
  return indicator(`[domain-name:value = '${hostname.replace(/[\\']/g, '\\$&')}']`)
}

/** Appends its arguments and its input to a file, and prints the input with the arguments in it. */
function script(t: TestContext): { readonly file: string; readonly runs: () => { args: string[]; context: object }[] } {
  const file = temporaryFile(
    t,
    'script.cjs',
    `const { appendFileSync, readFileSync } = require('node:fs')
    const context = JSON.parse(readFileSync(0, 'utf8'))
    const args = process.argv.slice(2)
    appendFileSync(__filename + '.runs', JSON.stringify({ args, context }) + '\\n')
    console.log(JSON.stringify({ args, ...context }, null, 2))`,
  )
  const runs = () => {
    const written = existsSync(`${file}.runs`) ? readFileSync(`${file}.runs`, 'utf8') : ''
    return written.split('\n').flatMap(line => (line === '' ? [] : [JSON.parse(line)]))
  }
  return { file, runs }
}

async function setUp(t: TestContext, settings: Readonly<Record<string, unknown>>) {
  const vast = standInVast(t, { events })
  const broker = await startBrokerHere(t)
  const publisher = await platform(t, broker)
  const connector = startConnector(t, broker, vast, { max_background_tasks: 4, ...settings })
  await Promise.all(nasty.map(hostname => publisher.bus.publish(indicatorOf(hostname))))
  return { vast, connector, ...publisher }
}

describe('transform_context', () => {
  test('gets each context with its value as one argument, and what it prints is the new context', async t => {
    const { file } = script(t)
    const { connector, until, sightings } = await setUp(t, {
      transform_context: `'${process.execPath}' '${file}' '%matchtype of' -- %ioc`,
    })
    await until(({ length }) => length >= nasty.length)
    const contexts = sightings.map(({ x_threatbus_sighting_context: context }) => context as { http: object })
    assert.deepEqual(
      contexts.toSorted((a, b) => nasty.indexOf(hostOf(a)) - nasty.indexOf(hostOf(b))),
      events.map((each, at) => ({ args: ['RETRO of', '--', nasty[at]], ...each })),
    )
    assert.ok(!existsSync(join(connector.directory, 'pwned')))
  })

  test('is given no value that would become an option: such a sighting goes untransformed, and the log says so', async t => {
    const { file } = script(t)
    const { connector, until, sightings } = await setUp(t, {
      transform_context: `'${process.execPath}' '${file}' %ioc`,
    })
    await until(({ length }) => length >= nasty.length)
    for (const { x_threatbus_sighting_context: context } of sightings) {
      const host = hostOf(context as { http: object })
      const { args } = context as { args?: string[] }
      assert.deepEqual(args, host.startsWith('-') ? undefined : [host])
    }
    const line = await connector.logged(({ reason }) => reason === 'transformation_failed')
    assert.match(line.msg, /begins with a dash/)
  })

  for (const [what, command, expected] of [
    ['fails', 'console.error("because"); process.exit(3)', /exited with 3/],
    ['prints no JSON', 'console.log("{")', /printed no JSON/],
    [
      'prints what the bus would refuse',
      'console.log("[".repeat(1000) + "]".repeat(1000))',
      /would refuse: the body is/,
    ],
    ['does not end', 'setInterval(() => {}, 1000)', /was killed after 0\.5 s/],
  ] as const) {
    test(`that ${what} loses no sighting`, async t => {
      const vast = standInVast(t, { events })
      const broker = await startBrokerHere(t)
      const { bus, until } = await platform(t, broker)
      const file = temporaryFile(t, 'failing.cjs', command)
      const connector = startConnector(t, broker, vast, {
        transform_context: `'${process.execPath}' '${file}'`,
        command_timeout: what === 'does not end' ? 0.5 : 60,
      })
      await bus.publish(indicatorOf('plain.test'))
      const [sighting] = await until(({ length }) => length >= 1)
      assert.deepEqual(sighting?.x_threatbus_sighting_context, events[0])
      const line = await connector.logged(({ reason }) => reason === 'transformation_failed')
      assert.match(line.msg, expected)
      if (what === 'fails') assert.equal(line.stderr, 'because')
    })
  }
})

describe('a sink', () => {
  test('STDOUT prints contexts, one JSON a line, and nothing else; nothing goes to the bus', async t => {
    const { connector, sightings } = await setUp(t, { sink: 'STDOUT' })
    const lines = await connector.printed(nasty.length)
    const contexts = lines.map(line => JSON.parse(line))
    assert.deepEqual(
      contexts.toSorted((a, b) => nasty.indexOf(hostOf(a)) - nasty.indexOf(hostOf(b))),
      events,
    )
    assert.equal(await connector.stop(), 0)
    assert.equal(lines.length, nasty.length)
    assert.deepEqual(sightings, [])
  })

  test('STDOUT whose reader leaves ends the connector, and that is no error', async t => {
    const { connector, bus } = await setUp(t, { sink: 'STDOUT' })
    await connector.printed(1)
    connector.process.stdout?.destroy()
    await bus.publish(indicatorOf('plain.test'))
    assert.equal(await connector.ended, 0)
  })

  test('that is a command reads each context, with its value as one argument', async t => {
    const { file, runs } = script(t)
    const { connector } = await setUp(t, { sink: `'${process.execPath}' '${file}' --kind=%matchtype -- %ioc` })
    while (runs().length < nasty.length) await new Promise(resolve => setTimeout(resolve, 20))
    assert.deepEqual(
      runs().toSorted((a, b) => nasty.indexOf(a.args[2] ?? '') - nasty.indexOf(b.args[2] ?? '')),
      events.map((context, at) => ({ args: ['--kind=RETRO', '--', nasty[at]], context })),
    )
    assert.equal(await connector.stop(), 0)
    assert.deepEqual(connector.lines, [])
    assert.ok(!existsSync(join(connector.directory, 'pwned')))
  })

  test('that fails is told, with what it said', async t => {
    const vast = standInVast(t, { events })
    const broker = await startBrokerHere(t)
    const { bus } = await platform(t, broker)
    const file = temporaryFile(t, 'failing.cjs', '')
    writeFileSync(file, 'console.error("because"); process.exit(3)')
    const connector = startConnector(t, broker, vast, { sink: `'${process.execPath}' '${file}'` })
    await bus.publish(indicatorOf('plain.test'))
    const line = await connector.logged(({ reason }) => reason === 'sink_failed')
    assert.deepEqual([line.stderr, line.ioc], ['because', 'plain.test'])
  })
})

function hostOf(context: { http?: object }): string {
  return (context.http as { hostname: string }).hostname
}
