/** `threatbus publish`, `subscribe` and `ping`, each a process → the broker, a process. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { startBrokerHere } from '../system/broker-here.ts'
import type { RunningBroker } from '../system/broker-process.ts'
import { runCommand, startCommand, temporaryFile } from '../system/command-process.ts'
import { temporaryDirectory } from '../system/history-process.ts'
import { StandInBus } from '../system/stand-in-bus.ts'
import { indicator, sighting } from '../system/wire.ts'

const endpointOf = ({ manage }: RunningBroker) => ['--endpoint', `127.0.0.1:${manage}`]

/** Nobody listens on port 1, and a command says so at once. */
const nowhere = ['--endpoint', '127.0.0.1:1', '--timeout', '1000']
const nobody =
  'no answer from 127.0.0.1 port 1: the connection was refused, so nothing listens there; is the bus running?'

/** Starts `threatbus subscribe`, and waits until the broker sees it. */
async function startSubscriber(t: TestContext, broker: RunningBroker, ...args: string[]) {
  const stories = () => broker.log.filter(({ msg }) => msg.startsWith('joined')).length
  const before = stories()
  const subscriber = startCommand(t, 'subscribe', ...endpointOf(broker), ...args)
  await broker.logged(() => stories() > before)
  return subscriber
}

/** What `publish` says of a bus that is like the original. */
const noReceipts = 'threatbus: nothing was confirmed: the bus gives no receipts, so it is not known what it has\n'

/** A STIX object that does not travel the bus. */
const malware = JSON.stringify({ type: 'malware', spec_version: '2.1', name: 'bundle [ } "objects":' })

describe('threatbus publish', { concurrency: true }, () => {
  test('brings the members of a bundle to every subscriber, byte for byte and in order, one a line', async t => {
    const broker = await startBrokerHere(t)
    const members = Array.from({ length: 500 }, (_, n) =>
      n % 3 === 0 ? sighting({ n }) : indicator({ n, name: 'a "b" \\ ä 💥  ' }).replaceAll(',', ',\n\t '),
    )
    const objects = members.flatMap(member => [malware, member])
    const file = temporaryFile(t, 'bundle.json', `{"objects":\n [${objects.join(' ,\r\n')}], "type":"bundle"}`)
    const one = await startSubscriber(t, broker, 'stix2', '--count', '500')
    const two = await startSubscriber(t, broker, 'stix2/indicator', 'stix2/sighting', '--count', '500')
    const published = await runCommand(t, ['publish', ...endpointOf(broker), file])
    assert.deepEqual(published, {
      code: 0,
      lines: [],
      stderr:
        'threatbus: published 500 (sighting 167, indicator 333), skipped 500 (malware 500), refused 0\n' +
        "threatbus: 500 acknowledged: on the bus's disk, the last as number 500\n",
    })
    const expected = members.map(member => member.replaceAll('\n', ' '))
    for (const subscriber of [one, two])
      assert.deepEqual(await subscriber.ended, { code: 0, lines: expected, stderr: '' })
  })

  test('reads JSON, JSON lines and bundles in any layout, and standard input among files', async t => {
    const bus = await StandInBus.start()
    t.after(() => bus.stop())
    const bodies = Array.from({ length: 11 }, (_, n) => indicator({ n }))
    const pretty = (text: string) => JSON.stringify(JSON.parse(text), undefined, 2)
    const [a, b, c, d, e, f, g, h, i, j, k] = bodies as [string, ...string[]]
    const files = {
      'one.json': pretty(a),
      'two.json': `${pretty(b ?? '')}\n${pretty(c ?? '')}`,
      'lines.jsonl': `\ufeff${d}\r\n\r\n  ${e}  \n${malware}`,
      'bundles.jsonl': `{"type":"bundle","objects":[${f}]}\n{"type":"bundle"}\n[${g},${malware}]\n`,
      'array.json': `[\n${h},\n${i}\n]`,
      'empty.json': '',
    }
    const paths = Object.entries(files).map(([name, content]) => temporaryFile(t, name, content))
    const args = [
      'publish',
      '--endpoint',
      bus.endpoint,
      '--validation',
      'off',
      ...paths.slice(0, 2),
      '-',
      ...paths.slice(2),
    ]
    const { code, stderr } = await runCommand(t, args, `${j}\n${k}`)
    assert.equal(stderr, `threatbus: published 11 (indicator 11), skipped 2 (malware 2), refused 0\n${noReceipts}`)
    assert.equal(code, 0)
    await bus.until(() => bus.received.length === 11)
    const expected = [pretty(a), pretty(b ?? ''), pretty(c ?? ''), j, k, d, e, f, g, h, i]
    assert.deepEqual(
      bus.received,
      expected.map(text => `stix2/indicator ${text}`),
    )
  })

  test('publishes what it can, says where the rest is wrong, and fails', async t => {
    const bus = await StandInBus.start()
    t.after(() => bus.stop())
    const lines = temporaryFile(
      t,
      'lines.jsonl',
      Buffer.concat([
        Buffer.from(`${indicator()}\n{"type":\n5\n{"a":1}\n`),
        Buffer.from([0x7b, 0xff, 0x0a]),
        Buffer.from(`${indicator({ spec_version: '2.0' })}\n${sighting()}`),
      ]),
    )
    const cut = temporaryFile(t, 'cut.json', `{"type": "bundle",\n"objects": [\n${indicator()},\n{"type": "indi`)
    const missing = `${cut}.missing`
    const { code, stderr } = await runCommand(t, ['publish', '--endpoint', bus.endpoint, lines, missing, cut])
    assert.equal(code, 65)
    const problems = stderr.trimEnd().split('\n')
    assert.equal(problems.pop(), noReceipts.trimEnd())
    assert.equal(problems.pop(), 'threatbus: published 3 (indicator 2, sighting 1), skipped 0, refused 7')
    const places = [
      `${lines}:2:`,
      `${lines}:3:`,
      `${lines}:4:`,
      `${lines}:5:`,
      `${lines}:6:`,
      `${missing}: ENOENT`,
      `${cut}:4:`,
    ]
    assert.equal(problems.length, places.length, stderr)
    for (const [index, place] of places.entries()) assert.ok(problems[index]?.startsWith(place), problems[index])
    await bus.until(() => bus.received.length === 3)
  })

  test('unpacks what is packed with gzip, goes into bundles and envelopes, and says of other formats what they are', async t => {
    const bus = await StandInBus.start()
    t.after(() => bus.stop())
    const [a, b, c, bad] = [indicator(), sighting(), indicator(), indicator({ spec_version: '2.0' })]
    const packed = temporaryFile(
      t,
      'feed.json.gz',
      gzipSync(`{"more":false,"objects":[{"type":"bundle","objects":[${a},${bad}]}]}`),
    )
    const csv = temporaryFile(t, 'feed.csv', 'type,value\nipv4-addr,198.51.100.7\n')
    const args = ['publish', '--endpoint', bus.endpoint, packed, '-', csv]
    const { code, stderr } = await runCommand(t, args, gzipSync(`[[${b}],{"type":"bundle","objects":[${c}]}]`))
    assert.equal(code, 65)
    const [refused, foreign, summary] = stderr.split('\n')
    const { id } = JSON.parse(bad)
    assert.ok(refused?.startsWith(`${packed}:1: .objects[0].objects[1], ${id}: spec_version`), stderr)
    assert.ok(foreign?.startsWith(`${csv}: this is CSV`), stderr)
    assert.equal(summary, 'threatbus: published 3 (indicator 2, sighting 1), skipped 0, refused 2')
    await bus.until(() => bus.received.length === 3)
    const expected = [a, b, c].map(text => `stix2/${JSON.parse(text).type} ${text}`)
    assert.deepEqual(bus.received, expected)
  })

  test('fails if nothing of the input travels the bus, and not if there is nothing in it', async t => {
    const directory = join(temporaryDirectory(t), 'history')
    for (const command of [
      ['publish', ...nowhere],
      ['history', 'import', '--path', directory],
    ]) {
      const foreign = await runCommand(t, [...command, '-'], `{"type":"bundle","objects":[${malware},${malware}]}`)
      assert.equal(foreign.code, 65)
      assert.match(
        foreign.stderr,
        /^threatbus: (publish|import)ed 0, skipped 2 \(malware 2\), refused 0\nthreatbus: nothing in the input travels the bus, which carries indicators and sightings\n$/,
      )
      const empty = await runCommand(t, [...command, '-'], '{"more":false}')
      assert.deepEqual([empty.code, empty.stderr.includes(' 0, skipped 0, refused 0\n')], [0, true], empty.stderr)
    }
  })

  test('tells the first twenty problems and counts the others', async t => {
    const bus = await StandInBus.start()
    t.after(() => bus.stop())
    const { code, stderr } = await runCommand(t, ['publish', '--endpoint', bus.endpoint, '-'], '{"a":1}\n'.repeat(100))
    assert.equal(code, 65)
    assert.equal(stderr.split('\n').filter(line => line.startsWith('-:')).length, 20)
    assert.match(stderr, /refused 100\n$/)
  })

  test('says how many are not confirmed if the bus gives receipts for a part, and that none are if it was not asked', async t => {
    const bus = await StandInBus.start()
    t.after(() => bus.stop())
    bus.publishReply = () =>
      bus.publications === 1 ? { status: 'success', sequence: 1 } : { status: 'unknown request' }
    const command = startCommand(t, 'publish', '--endpoint', bus.endpoint, '-')
    command.stdin.write(`${indicator()}\n`)
    await bus.until(() => bus.publications > 0)
    command.stdin.end(`${indicator()}\n${indicator()}\n`)
    const { code, stderr } = await command.ended
    assert.equal(code, 0)
    assert.equal(
      stderr,
      'threatbus: published 3 (indicator 3), skipped 0, refused 0\n' +
        "threatbus: 1 acknowledged: on the bus's disk, the last as number 1\n" +
        'threatbus: 2 were not confirmed: the bus gives no receipts, so it is not known what it has\n',
    )
    const without = await runCommand(t, ['publish', '--no-receipts', '--endpoint', bus.endpoint, '-'], indicator())
    assert.equal(without.code, 0)
    assert.match(
      without.stderr,
      /\nthreatbus: nothing was confirmed: the bus was not asked for receipts, so it is not known/,
    )
  })

  test('publishes each line as it comes, and ends in order when it is told to', async t => {
    const bus = await StandInBus.start()
    t.after(() => bus.stop())
    const command = startCommand(t, 'publish', '--endpoint', bus.endpoint, '-')
    command.stdin.write(`${indicator()}\n`)
    await bus.until(() => bus.received.length === 1)
    command.kill('SIGTERM')
    const { code, stderr } = await command.ended
    assert.equal(code, 143)
    assert.equal(stderr, `threatbus: published 1 (indicator 1), skipped 0, refused 0\n${noReceipts}`)
  })

  test('says that there is no bus', async t => {
    const { code, stderr } = await runCommand(t, ['publish', ...nowhere, '-'], indicator())
    assert.equal(code, 69)
    assert.ok(stderr.startsWith(`threatbus: ${nobody}\nthreatbus: published 0`), stderr)
  })
})

describe('threatbus subscribe', { concurrency: true }, () => {
  test('prints the type as well if it is asked for frames', async t => {
    const broker = await startBrokerHere(t)
    const subscriber = await startSubscriber(t, broker, 'stix2', '--format', 'frames', '--count', '2')
    const bodies = [indicator(), sighting()]
    await runCommand(t, ['publish', ...endpointOf(broker), '-'], bodies.join('\n'))
    const { lines } = await subscriber.ended
    assert.deepEqual(lines, [`indicator ${bodies[0]}`, `sighting ${bodies[1]}`])
  })

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`unsubscribes and ends when it gets ${signal}`, async t => {
      const broker = await startBrokerHere(t)
      const subscriber = await startSubscriber(t, broker, 'stix2')
      subscriber.kill(signal)
      assert.deepEqual(await subscriber.ended, { code: 0, lines: [], stderr: '' })
      await broker.logged(({ msg, reason }) => msg.startsWith('unsubscribed') && reason === 'requested')
    })
  }

  test('ends quietly, and unsubscribes, when nobody reads its output any more', async t => {
    const broker = await startBrokerHere(t)
    const subscriber = await startSubscriber(t, broker, 'stix2')
    const publisher = startCommand(t, 'publish', ...endpointOf(broker), '-')
    publisher.stdin.write(`${indicator()}\n`)
    await subscriber.printed(1)
    subscriber.hangUp()
    publisher.stdin.end(`${indicator()}\n${indicator()}\n`)
    const { code, stderr } = await subscriber.ended
    assert.deepEqual([code, stderr], [0, ''])
    await broker.logged(({ msg, reason }) => msg.startsWith('unsubscribed') && reason === 'requested')
  })

  test('goes on when the bus forgot it, and says so apart from its output', async t => {
    const bus = await StandInBus.start()
    t.after(() => bus.stop())
    const args = ['subscribe', 'stix2', '--endpoint', bus.endpoint, '--count', '1']
    const subscriber = startCommand(t, ...args)
    await bus.until(() => bus.topics.length === 1)
    bus.known.clear()
    await bus.until(() => bus.topics.length === 1)
    await bus.deliver(bus.topics[0] ?? '', 'indicator', '{"n": 1}')
    const { code, lines, stderr } = await subscriber.ended
    assert.deepEqual([code, lines], [0, ['{"n": 1}']])
    assert.match(stderr, /^threatbus: the bus does not know .*\nthreatbus: subscribed again; .*\n$/)
  })

  test('ends at once when it is told to while it waits for the bus', async t => {
    const bus = await StandInBus.start()
    t.after(() => bus.stop())
    bus.silent = true
    const args = ['subscribe', 'stix2', '--endpoint', bus.endpoint, '--timeout', '1000']
    const subscriber = startCommand(t, ...args)
    await bus.until(() => bus.heard.length === 1)
    subscriber.kill('SIGTERM')
    assert.deepEqual(await subscriber.ended, { code: 0, lines: [], stderr: '' })
  })

  test('says that there is no bus', async t => {
    const { code, stderr } = await runCommand(t, ['subscribe', 'stix2', ...nowhere])
    assert.deepEqual([code, stderr], [69, `threatbus: ${nobody}\n`])
  })

  test('warns of a topic that nothing matches', async t => {
    const { stderr } = await runCommand(t, ['subscribe', 'stix2', 'stix2/malware', ...nowhere])
    assert.match(
      stderr,
      /^threatbus: nothing that travels the bus matches "stix2\/malware": there are stix2\/indicator /,
    )
  })
})

describe('threatbus ping', { concurrency: true }, () => {
  test('prints the time of each round trip, and all of them summed up', async t => {
    const broker = await startBrokerHere(t)
    const { code, lines, stderr } = await runCommand(t, [
      'ping',
      ...endpointOf(broker),
      '--count',
      '3',
      '--interval',
      '0',
    ])
    assert.deepEqual([code, stderr], [0, ''])
    for (const [index, line] of lines.slice(0, 3).entries()) {
      assert.match(
        line,
        new RegExp(`^answer from 127\\.0\\.0\\.1:${broker.manage}: seq=${index + 1} time=\\d+\\.\\d\\d ms$`),
      )
    }
    assert.match(lines[3] ?? '', /^3 sent, 3 answered, min\/avg\/max = [\d.]+\/[\d.]+\/[\d.]+ ms$/)
  })

  test('goes on for ever, and sums up when it is stopped', async t => {
    const broker = await startBrokerHere(t)
    const ping = startCommand(t, 'ping', ...endpointOf(broker), '--interval', '0.01')
    await ping.printed(2)
    ping.kill('SIGINT')
    const { code, lines } = await ping.ended
    assert.equal(code, 0)
    assert.match(lines.at(-1) ?? '', / answered, min/)
  })

  test('fails if no heartbeat is answered', async t => {
    const { code, lines } = await runCommand(t, ['ping', ...nowhere, '--count', '1'])
    assert.deepEqual([code, lines], [69, [`${nobody} (seq=1)`, '1 sent, 0 answered']])
  })
})

describe('threatbus', { concurrency: true }, () => {
  for (const args of [
    ['nonsense'],
    ['subscribe'],
    ['subscribe', 'stix2/malware'],
    ['subscribe', 'stix2', '--endpoint', 'here'],
    ['subscribe', 'stix2', '--snapshot', '-1'],
    ['subscribe', 'stix2', '--snapshot', '40000'],
    ['subscribe', 'stix2', '--format', 'xml'],
    ['publish'],
    ['publish', '--validation', 'harsh', '-'],
    ['ping', '--count', '0'],
    ['ping', '--interval', 'soon'],
    ['ping', '--colour'],
  ]) {
    test(`${args.join(' ')} can't be meant`, async t => {
      const { code, lines, stderr } = await runCommand(t, args)
      assert.equal(code, 64)
      assert.deepEqual(lines, [])
      assert.notEqual(stderr, '')
    })
  }

  for (const [words, told] of [
    ['publsh', /^error: unknown command 'publsh'\n\(Did you mean publish\?\)\n$/],
    ['nonsense', /^error: unknown command 'nonsense'\n\(There are: check, .+, help\)\n$/],
    ['-c nowhere.yaml nonsense', /^error: unknown command 'nonsense'\n/],
    ['history exprt', /^error: unknown command 'exprt'\n\(Did you mean export\?\)\n$/],
    ['help history exprt', /^error: unknown command 'exprt'\n\(Did you mean export\?\)\n$/],
  ] as const) {
    test(`${words}: an unknown command is called that`, async t => {
      const { code, lines, stderr } = await runCommand(t, words.split(' '))
      assert.deepEqual([code, lines], [64, []])
      assert.match(stderr, told)
    })
  }

  test('tells its version, and helps, however it is asked', async t => {
    assert.match((await runCommand(t, ['--version'])).lines.join(), /^\d+\.\d+\.\d+/)
    for (const [asked, alike] of [
      ['--help', 'help'],
      ['subscribe --help', 'help subscribe'],
      ['history export --help', 'help history export'],
    ] as const) {
      const { code, lines, stderr } = await runCommand(t, asked.split(' '))
      assert.deepEqual([code, stderr], [0, ''])
      assert.match(lines.join('\n'), /^Usage: threatbus .+\nExamples:\n/s)
      assert.deepEqual(await runCommand(t, alike.split(' ')), { code, lines, stderr })
    }
  })
})
