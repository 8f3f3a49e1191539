/** `threatbus history import` and `info`, each a process, beside a broker that runs, was stopped, or never was. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { acquireLock, describeOwner } from '../../src/history/lock/lock.ts'
import { startBroker } from '../system/broker-process.ts'
import { runCommand, startCommand, temporaryFile } from '../system/command-process.ts'
import {
  configOf,
  exported,
  historyOf,
  indicators,
  infoOf,
  publish,
  temporaryDirectory,
} from '../system/history-process.ts'
import { StandInBus } from '../system/stand-in-bus.ts'
import { indicator, receive, request, sighting } from '../system/wire.ts'

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

  test('reaches who comes back to a broker that starts later, and is in its snapshots', async t => {
    const broker = await startBroker(t)
    const known = await request(broker.manage, { action: 'subscribe', topic: 'stix2' })
    await broker.stop()
    const bodies = indicators(3)
    await runCommand(t, ['history', 'import', ...configOf(broker), '-'], bodies.join('\n'))
    const next = await startBroker(t, {}, broker)
    const asker = await request(next.manage, { action: 'subscribe', topic: 'stix2/indicator', snapshot: 1 })
    for (const { topic } of [known, asker]) {
      const frames = await receive(t, next.pub, topic).received(3)
      const expected = bodies.map(body => `${topic}indicator ${body}`)
      assert.deepEqual(frames, expected)
    }
  })

  test('imports what it can, says where the rest is wrong, and fails', async t => {
    const directory = join(temporaryDirectory(t), 'history')
    const [one, two] = indicators(2)
    const bad = indicator({ spec_version: '2.0' })
    const file = temporaryFile(t, 'lines.jsonl', `${one}\n{"type":"malware"}\n${bad}\n{\n${two}`)
    const { code, stderr } = await runCommand(t, ['history', 'import', '--path', directory, file])
    assert.equal(code, 65)
    const [third, fourth] = stderr.split('\n')
    assert.ok(third?.startsWith(`${file}:3: ${JSON.parse(bad).id}: spec_version`), stderr)
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
    assert.match(stderr, /^-:1: indicator--[\w-]+: it is nested too deep/)
    assert.deepEqual(await exported(t, ...configOf(broker)), [whole])
  })

  test("counts nothing as imported that a bus without receipts was sent in its broker's place", async t => {
    const bus = await StandInBus.start()
    const directory = temporaryDirectory(t)
    const lock = await acquireLock(directory, { manage: bus.endpoint })
    t.after(async () => {
      bus.stop()
      await lock.release()
    })
    const { code, stderr } = await runCommand(t, ['history', 'import', '--path', directory, '-'], indicator())
    assert.equal(code, 69)
    assert.match(stderr, /does not take it: it acknowledges nothing\nthreatbus: imported 0, skipped 0, refused 0\n$/)
    assert.deepEqual(bus.received, [])
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
    first.stdin.write(`${indicator()}\n`)
    while ((await describeOwner(directory)) === undefined) await setTimeout(10)
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
