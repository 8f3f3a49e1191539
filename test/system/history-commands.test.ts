/** `threatbus history export`, `import` and `info`, each a process, beside a broker that runs, was stopped, or never was. */
import assert from 'node:assert/strict'
import { appendFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { readSince } from '../../src/cli/since.ts'
import { type BrokerProcess, startBroker } from './broker-process.ts'
import { runCommand, startCommand, temporaryFile } from './command-process.ts'
import { indicator, receive, request, sighting } from './wire.ts'

const indicators = (count: number, over: object = {}) => Array.from({ length: count }, () => indicator(over))

const publish = (port: number, bodies: readonly string[]) =>
  request(port, `{"action":"publish","topic":"stix2/","message":[${bodies.join()}]}`)

const configOf = ({ directory }: BrokerProcess) => ['-c', join(directory, 'config.yaml')]
const historyOf = ({ directory }: BrokerProcess) => join(directory, 'threatbus-history')

function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'threatbus-'))
  t.after(() => rmSync(directory, { recursive: true }))
  return directory
}

async function exported(t: TestContext, ...args: readonly string[]): Promise<readonly string[]> {
  const { code, lines, stderr } = await runCommand(t, ['history', 'export', ...args])
  assert.deepEqual([code, stderr], [0, ''])
  return lines
}

async function infoOf(t: TestContext, ...args: readonly string[]) {
  const { code, lines, stderr } = await runCommand(t, ['history', 'info', '--json', ...args])
  assert.deepEqual([code, stderr], [0, ''])
  return JSON.parse(lines.join('\n'))
}

describe('threatbus history export', { concurrency: true }, () => {
  test('prints what was published byte for byte, whether the broker runs or not', async t => {
    const broker = await startBroker(t)
    const pretty = JSON.stringify(JSON.parse(indicator({ name: 'ä 💥' })), undefined, 2)
    const seen = sighting()
    const bodies = [...indicators(700), pretty, seen]
    await publish(broker.manage, bodies)
    const expected = bodies.map(body => body.replaceAll('\n', ' '))
    assert.deepEqual(await exported(t, ...configOf(broker)), expected)
    await broker.stop('SIGKILL')
    assert.deepEqual(await exported(t, '--path', historyOf(broker)), expected)
    assert.deepEqual(await exported(t, ...configOf(broker), '--type', 'sighting'), [seen])
  })

  test('prints a bundle, of no objects as well', async t => {
    const broker = await startBroker(t)
    const [empty] = await exported(t, ...configOf(broker), '--format', 'bundle')
    const { id: emptyId, ...rest } = JSON.parse(empty ?? '')
    assert.deepEqual(rest, { type: 'bundle' })
    const bodies = [...indicators(3), sighting()]
    await publish(broker.manage, bodies)
    const text = (await exported(t, ...configOf(broker), '--format', 'bundle')).join('\n')
    const { type, id, objects } = JSON.parse(text)
    assert.equal(type, 'bundle')
    for (const each of [id, emptyId]) assert.match(each, /^bundle--[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[\da-f-]{17}$/)
    assert.notEqual(id, emptyId)
    assert.deepEqual(
      objects,
      bodies.map(body => JSON.parse(body)),
    )
    for (const body of bodies) assert.ok(text.includes(body))
  })

  test('prints only what came since', async t => {
    const broker = await startBroker(t)
    await publish(broker.manage, indicators(2))
    const { newest } = await infoOf(t, ...configOf(broker))
    const sinceMs = Date.parse(newest.time) + 1
    // Messages are told apart by the millisecond in which they came.
    while (Date.now() < sinceMs) await new Promise(setImmediate)
    const late = indicators(2)
    await publish(broker.manage, late)
    assert.deepEqual(await exported(t, ...configOf(broker), '--since', new Date(sinceMs).toISOString()), late)
    assert.equal((await exported(t, ...configOf(broker), '--since', '1h')).length, 4)
    assert.deepEqual(await exported(t, ...configOf(broker), '--since', '0h'), [])
  })

  test('prints only the latest versions, without what was revoked or removed', async t => {
    const broker = await startBroker(t)
    const [kept, changed, revoked, removed] = indicators(4) as [string, string, string, string]
    const change = (body: string, over: object) =>
      JSON.stringify({ ...JSON.parse(body), modified: '2026-11-24T07:00:00.000Z', ...over })
    const later = change(changed, {})
    const changes = [later, change(revoked, { revoked: true }), change(removed, { x_threatbus_update: 'REMOVE' })]
    const seen = sighting()
    await publish(broker.manage, [kept, changed, revoked, removed, seen, ...changes])
    assert.deepEqual(await exported(t, ...configOf(broker), '--latest'), [kept, seen, later])
    assert.deepEqual(await exported(t, ...configOf(broker), '--latest', '--type', 'indicator'), [kept, later])
    assert.equal((await exported(t, ...configOf(broker))).length, 8)
  })

  test('leaves out what is not for everyone', async t => {
    const broker = await startBroker(t)
    const own = indicator()
    await publish(broker.manage, [own])
    const application = await request(broker.manage, { action: 'subscribe', topic: 'x' })
    const heard = receive(t, broker.pub, application.topic)
    await request(broker.manage, { action: 'subscribe', topic: 'stix2/indicator', snapshot: 1 })
    await heard.received(1)
    // What was published with a receipt is on disk, and so is what came before it.
    const next = indicator()
    await publish(broker.manage, [next])
    assert.deepEqual(await exported(t, ...configOf(broker)), [own, next])
    const info = await infoOf(t, ...configOf(broker))
    assert.deepEqual([info.messages, info.others], [{ indicator: 2, sighting: 0 }, 1])
  })

  test('has whole objects in order, as many as there were, while the broker writes and deletes', async t => {
    const broker = await startBroker(t, { history: { max_bytes: 16_777_216 } })
    const description = 'x'.repeat(2000)
    let serial = 0
    let enough = false
    const writing = async () => {
      // More than is kept, so that segments are begun and deleted all the time.
      while (!enough || serial < 20_000) {
        const bodies = Array.from({ length: 500 }, () => indicator({ x_serial: serial++, description }))
        assert.equal((await publish(broker.manage, bodies)).status, 'success')
      }
    }
    const written = writing()
    for (let round = 0; round < 4; round++) {
      const atLeast = serial - 500
      const lines = await exported(t, ...configOf(broker))
      const serials = lines.map(line => JSON.parse(line).x_serial as number)
      for (const [index, each] of serials.entries()) assert.equal(each, (serials[0] ?? 0) + index)
      assert.ok((serials.at(-1) ?? -1) >= atLeast - 1, `${serials.at(-1)} of ${atLeast}`)
    }
    enough = true
    await written
    const { bytes, segments } = await infoOf(t, ...configOf(broker))
    assert.ok(bytes < 20_000_000 && segments > 1, `${bytes} bytes in ${segments} segments`)
  })

  test('ends at what a crash left half-written, and changes nothing', async t => {
    const broker = await startBroker(t)
    const bodies = indicators(5)
    await publish(broker.manage, bodies)
    await broker.stop('SIGKILL')
    const segment = readdirSync(historyOf(broker)).find(name => name.endsWith('.log')) ?? ''
    appendFileSync(join(historyOf(broker), segment), Buffer.alloc(100, 1))
    const before = readdirSync(historyOf(broker)).sort()
    assert.deepEqual(await exported(t, ...configOf(broker)), bodies)
    assert.deepEqual(readdirSync(historyOf(broker)).sort(), before)
  })

  test('ends quietly when nobody reads its output any more', async t => {
    const broker = await startBroker(t)
    for (let list = 0; list < 5; list++)
      await publish(broker.manage, indicators(500, { description: 'x'.repeat(2000) }))
    const command = startCommand(t, 'history', 'export', ...configOf(broker))
    await command.printed(1)
    command.hangUp()
    const { code, stderr } = await command.ended
    assert.deepEqual([code, stderr], [0, ''])
  })
})

describe('threatbus history import', { concurrency: true }, () => {
  test('takes what export printed, byte for byte, without a broker and into one that runs', async t => {
    const broker = await startBroker(t)
    const bodies = [...indicators(1200, { name: 'ä 💥' }), sighting()]
    for (let from = 0; from < bodies.length; from += 500) await publish(broker.manage, bodies.slice(from, from + 500))
    const printed = await exported(t, ...configOf(broker))
    assert.deepEqual(printed, bodies)

    const directory = join(temporaryDirectory(t), 'history')
    const alone = await runCommand(t, ['history', 'import', '--path', directory, '-'], printed.join('\n'))
    assert.match(alone.stderr, /threatbus: imported 1201 \(indicator 1200, sighting 1\), skipped 0, refused 0\n$/)
    assert.deepEqual([alone.code, alone.lines], [0, []])
    assert.deepEqual(await exported(t, '--path', directory), bodies)

    const other = await startBroker(t)
    const { topic } = await request(other.manage, { action: 'subscribe', topic: 'stix2' })
    const receiver = receive(t, other.pub, topic)
    const file = temporaryFile(
      t,
      'bundle.json',
      (await exported(t, '--path', directory, '--format', 'bundle')).join('\n'),
    )
    const running = await runCommand(t, ['history', 'import', ...configOf(other), file])
    assert.match(running.stderr, /the broker delivers them\nthreatbus: imported 1201 /)
    assert.equal(running.code, 0)
    assert.deepEqual(
      await receiver.received(1201),
      bodies.map(body => `${topic}${JSON.parse(body).type} ${body}`),
    )
    assert.deepEqual(await exported(t, ...configOf(other)), bodies)
  })

  test('is in the snapshots of a broker that starts later', async t => {
    const broker = await startBroker(t)
    await broker.stop()
    const bodies = indicators(3)
    await runCommand(t, ['history', 'import', ...configOf(broker), '-'], bodies.join('\n'))
    const next = await startBroker(t, {}, broker)
    const { topic } = await request(next.manage, { action: 'subscribe', topic: 'stix2/indicator', snapshot: 1 })
    assert.deepEqual(
      await receive(t, next.pub, topic).received(3),
      bodies.map(body => `${topic}indicator ${body}`),
    )
  })

  test('imports what it can, says where the rest is wrong, and fails', async t => {
    const directory = join(temporaryDirectory(t), 'history')
    const [one, two] = indicators(2)
    const file = temporaryFile(
      t,
      'lines.jsonl',
      `${one}\n{"type":"malware"}\n${indicator({ spec_version: '2.0' })}\n{\n${two}`,
    )
    const { code, stderr } = await runCommand(t, ['history', 'import', '--path', directory, file])
    assert.equal(code, 65)
    const [third, fourth] = stderr.split('\n')
    assert.ok(third?.startsWith(`${file}:3: spec_version`), stderr)
    assert.ok(fourth?.startsWith(`${file}:4: `), stderr)
    assert.match(stderr, /threatbus: imported 2 \(indicator 2\), skipped 1 \(malware 1\), refused 2\n$/)
    assert.deepEqual(await exported(t, '--path', directory), [one, two])
  })

  test('tells of a single object that the broker refuses, and imports the others', async t => {
    const broker = await startBroker(t, { validation: 'strict' })
    // Lists are never empty in STIX; only the broker insists.
    const bodies = [indicator(), indicator({ labels: [] }), indicator()]
    const lenient = temporaryFile(t, 'config.yaml', 'validation: "off"')
    const args = ['history', 'import', '-c', lenient, '--path', historyOf(broker), '-']
    const { code, stderr } = await runCommand(t, args, bodies.join('\n'))
    assert.equal(code, 65)
    assert.match(stderr, /^-:2: (?!message)/)
    assert.match(stderr, /imported 2 \(indicator 2\), skipped 0, refused 1\n$/)
    assert.deepEqual(await exported(t, ...configOf(broker)), [bodies[0], bodies[2]])
  })

  test('tells of an object that is too deep for a request', async t => {
    const broker = await startBroker(t)
    const deep = indicator({ x_deep: JSON.parse('['.repeat(254) + ']'.repeat(254)) })
    const whole = indicator({ description: 'x'.repeat(5000) })
    const args = ['history', 'import', ...configOf(broker), '-']
    const { code, stderr } = await runCommand(t, args, [deep, whole].join('\n'))
    assert.equal(code, 65)
    assert.match(stderr, /^-:1: it is nested too deep/)
    assert.deepEqual(await exported(t, ...configOf(broker)), [whole])
  })

  test('leaves a history alone whose owner does not answer, and the one of another import', async t => {
    const broker = await startBroker(t)
    broker.process.kill('SIGSTOP')
    const { code, stderr } = await runCommand(t, ['history', 'import', ...configOf(broker), '-'], indicator())
    broker.process.kill('SIGCONT')
    assert.equal(code, 69)
    assert.match(stderr, /is in use \(which does not answer\).*\nthreatbus: imported 0, skipped 0, refused 0\n$/)

    const directory = join(temporaryDirectory(t), 'history')
    const first = startCommand(t, 'history', 'import', '--path', directory, '-')
    // More than one list, so that something is on disk while it still reads.
    first.stdin.write(indicators(600).join('\n'))
    while (
      !existsSync(directory) ||
      (await runCommand(t, ['history', 'export', '--path', directory])).lines.length < 500
    );
    const second = await runCommand(t, ['history', 'import', '--path', directory, '-'], indicator())
    assert.equal(second.code, 69)
    assert.match(second.stderr, new RegExp(`process ${first.pid}, command threatbus history import`))
    first.kill('SIGTERM')
    assert.equal((await first.ended).code, 143)
    assert.equal((await infoOf(t, '--path', directory)).owner, null)
  })
})

describe('threatbus history info', { concurrency: true }, () => {
  test('says which process uses it, where that answers, and what there is', async t => {
    const broker = await startBroker(t)
    const { topic } = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    await publish(broker.manage, [...indicators(3), sighting()])
    const { code, lines, stderr } = await runCommand(t, ['history', 'info', ...configOf(broker)])
    assert.deepEqual([code, stderr], [0, ''])
    const values = new Map(lines.map(line => line.split(/ {2,}/) as [string, string]))
    assert.equal(values.get('directory'), historyOf(broker))
    assert.equal(values.get('in use by'), `process ${broker.process.pid}, manage 127.0.0.1:${broker.manage}`)
    assert.equal(values.get('messages'), '4 (indicator 3, sighting 1)')
    assert.match(values.get('oldest') ?? '', /^1, \d{4}-.*Z$/)
    assert.match(values.get('newest') ?? '', /^4, \d{4}-.*Z$/)
    assert.equal(values.get('segments'), '1')
    assert.equal(values.get('subscriptions'), '1')
    assert.ok(!lines.join().includes(topic))
    const starts = lines.map(line => /^.*? {2,}/.exec(line)?.[0].length)
    assert.equal(new Set(starts).size, 1)

    const running = await infoOf(t, ...configOf(broker))
    assert.deepEqual(running.owner, { process: broker.process.pid, manage: `127.0.0.1:${broker.manage}` })
    await broker.stop()
    const stopped = await infoOf(t, ...configOf(broker))
    assert.deepEqual({ ...running, owner: null }, stopped)
    assert.ok((await runCommand(t, ['history', 'info', ...configOf(broker)])).lines.includes('in use by      nobody'))
  })

  test('says so if there is no history, and makes none', async t => {
    const directory = temporaryDirectory(t)
    const missing = join(directory, 'history')
    const file = temporaryFile(t, 'file', '')
    for (const command of ['info', 'export']) {
      const { code, lines, stderr } = await runCommand(t, ['history', command, '--path', missing])
      assert.deepEqual([code, lines, stderr], [65, [], `threatbus: there is no history in ${missing}\n`])
      assert.equal((await runCommand(t, ['history', command, '--path', file])).code, 65)
    }
    assert.deepEqual(readdirSync(directory), [])
    const off = temporaryFile(t, 'config.yaml', 'history: { enabled: false }')
    for (const args of [['info'], ['export'], ['import', '-']]) {
      const { code, stderr } = await runCommand(t, ['history', ...args, '-c', off])
      assert.equal(code, 78)
      assert.match(stderr, /says that there is no history: name a directory with --path\n$/)
    }
  })

  for (const args of [
    [],
    ['export', '--since', 'yesterday'],
    ['export', '--type', 'malware'],
    ['export', '--format', 'xml'],
    ['import'],
    ['forget'],
  ]) {
    test(`threatbus history ${args.join(' ')} can't be meant`, async t => {
      const { code, lines } = await runCommand(t, ['history', ...args])
      assert.deepEqual([code, lines], [64, []])
    })
  }
})

describe('since when', () => {
  const now = Date.UTC(2026, 10, 24)
  for (const [text, expected] of [
    ['7d', now - 7 * 86_400_000],
    ['12h', now - 12 * 3_600_000],
    ['2026-11-24', now],
    ['2026-11-24T06:30', now + 6.5 * 3_600_000],
    ['2026-11-24 06:30:00.5Z', now + 6.5 * 3_600_000 + 500],
    ['2026-11-24T06:30:00+02:00', now + 4.5 * 3_600_000],
    ['2026-02-30', undefined],
    ['2026-13-01', undefined],
    ['2026-11-24T25:00', undefined],
    ['7', undefined],
    ['-1d', undefined],
    ['', undefined],
  ] as const) {
    test(`${text || 'nothing'} is ${expected ?? 'none'}`, () => assert.equal(readSince(text, now), expected))
  }
})
