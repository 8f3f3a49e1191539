// The files in config/ that operators copy, held against a broker and a connector that run.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { parse } from 'yaml'
import { startConnector } from '../connector/connector-process.ts'
import { startBrokerHere } from './broker-here.ts'
import { threatbusCommand } from './broker-process.ts'
import { get, inspectorOf } from './monitored.ts'
import { indicator, request } from './wire.ts'

const config = (name: string) => readFileSync(new URL(`../../../config/${name}`, import.meta.url), 'utf8')

/** Metrics of a real scrape: each name with its labels, and the values that each label has. */
type Known = ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>

function knownFrom(scraped: string): Known {
  const known = new Map<string, Map<string, Set<string>>>()
  for (const line of scraped.split('\n')) {
    const [, name, labels = ''] = /^([a-zA-Z_:][\w:]*)(?:\{([^}]*)\})? /.exec(line) ?? []
    if (name === undefined) continue
    const values = known.get(name) ?? new Map<string, Set<string>>()
    known.set(name, values)
    for (const [, label = '', value = ''] of labels.matchAll(/(\w+)="([^"]*)"/g)) {
      values.set(label, (values.get(label) ?? new Set()).add(value))
    }
  }
  return known
}

/** Words of the query language (https://prometheus.io/docs/prometheus/latest/querying/) that are not followed by "(". */
const words = new Set([
  'by',
  'without',
  'and',
  'or',
  'unless',
  'on',
  'ignoring',
  'group_left',
  'group_right',
  'bool',
  'offset',
])

/** What an expression names that isn't there: metrics, labels, values of labels. */
function unknownIn(expression: string, known: Known): string[] {
  const unknown: string[] = []
  const scrapeLabels = new Set(['instance', 'job'])
  const selectors = [...expression.matchAll(/([a-zA-Z_:][\w:]*)\s*\{([^}]*)\}/g)]
  for (const [, name = '', matchers = ''] of selectors) {
    const labels = known.get(name)
    for (const [, label = '', values = ''] of matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"/g)) {
      if (scrapeLabels.has(label)) continue
      for (const value of values.split('|'))
        if (!labels?.get(label)?.has(value)) unknown.push(`${name} ${label}=${value}`)
    }
  }
  const labelsOfAll = new Set([...known.values()].flatMap(labels => [...labels.keys()]))
  for (const [, list = ''] of expression.matchAll(/\bby\s*\(([^)]*)\)/g)) {
    for (const label of list.split(',').map(each => each.trim())) {
      if (!labelsOfAll.has(label) && !scrapeLabels.has(label)) unknown.push(`label ${label}`)
    }
  }
  const bare = expression.replace(/\bby\s*\([^)]*\)/g, '').replace(/\{[^}]*\}|\[[^\]]*\]/g, '')
  for (const [name, following] of [...bare.matchAll(/[a-zA-Z_:][\w:]*(?=\s*(\(?))/g)].map(match => [
    match[0],
    match[1],
  ])) {
    if (following !== '(' && !words.has(name ?? '') && name !== 'up' && !known.has(name ?? ''))
      unknown.push(`metric ${name}`)
  }
  return unknown
}

/** Runs a program that not every machine has; one that is there must have nothing to say against it. */
async function runIfThere(program: string, args: readonly string[]): Promise<void> {
  const { code, stderr } = await promisify(execFile)(program, args).catch(error => error)
  if (code !== 'ENOENT') assert.deepEqual([code, stderr], [undefined, ''])
}

function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'threatbus-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

function noteLines(file: string): readonly string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
}

describe('the files for operators', () => {
  let known: Known
  const done: (() => unknown)[] = []
  before(async () => {
    const t = { after: (end: () => unknown) => void done.unshift(end) } as Pick<TestContext, 'after'>
    const broker = await startBrokerHere(t, { settings: { inspector: { port: 0 } } })
    // A log that has no message has no oldest one.
    await request(broker.manage, { action: 'publish', topic: 'stix2/', message: [JSON.parse(indicator())] })
    const brokers = (await get(await inspectorOf(broker), '/metrics')).text
    const live = { inspector: { port: 0 }, live_match: true, matcher_name: 'm' }
    const connector = startConnector(t, broker, { binary: 'no-such-vast' }, live)
    known = knownFrom(brokers + (await get(await inspectorOf(connector), '/metrics')).text)
  })
  after(async () => {
    for (const end of done) await end()
  })

  test('the check finds what is not there', () => {
    assert.deepEqual(unknownIn('rate(threatbus_serving[5m]) > 0 and up == 1', known), [])
    assert.deepEqual(unknownIn('sum by (nothing) (threatbus_no_such)', known), [
      'label nothing',
      'metric threatbus_no_such',
    ])
    assert.deepEqual(unknownIn('threatbus_subscribers{state=~"live|lively"}', known), [
      'threatbus_subscribers state=lively',
    ])
  })

  test('the alert rules name only metrics, labels and values that exist', () => {
    const { groups } = parse(config('prometheus-alerts.yaml'))
    const rules = groups.flatMap((group: { rules: object[] }) => group.rules)
    assert.ok(rules.length >= 10)
    for (const { alert, expr, labels, annotations } of rules) {
      assert.deepEqual(unknownIn(expr, known), [], alert)
      assert.match(alert, /^(Vast)?ThreatBus[A-Z]\w+$/)
      assert.ok(['critical', 'warning', 'info'].includes(labels.severity), alert)
      assert.ok(annotations.summary.length > 0, alert)
    }
  })

  test('the dashboard names only metrics, labels and values that exist', () => {
    const { panels } = JSON.parse(config('grafana-dashboard.json'))
    const targets = panels.flatMap((panel: { targets?: object[] }) => panel.targets ?? [])
    assert.ok(targets.length >= 20)
    for (const { expr, legendFormat } of targets) {
      assert.deepEqual(unknownIn(expr, known), [], expr)
      for (const [, label = ''] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
        assert.ok(label === 'instance' || new RegExp(`by \\([^)]*\\b${label}\\b`).test(expr), `${expr}: ${label}`)
      }
    }
  })

  test('every metric of broker and connector is on the dashboard or in a rule, or is a fact of its own', () => {
    const text = config('prometheus-alerts.yaml') + config('grafana-dashboard.json')
    const shown = (name: string) => text.includes(name.replace(/_(bucket|sum|count)$/, ''))
    const facts = [
      'threatbus_build_info',
      'threatbus_history_oldest_sequence',
      'threatbus_history_next_sequence',
      'threatbus_history_segments',
      'threatbus_publish_receipts_total',
      'vast_threatbus_build_info',
    ]
    const unseen = [...known.keys()].filter(name => /^(vast_)?threatbus_/.test(name) && !shown(name))
    assert.deepEqual(unseen.toSorted(), facts.toSorted())
  })

  test('promtool, where it is, finds nothing wrong with the rules', async () => {
    const file = new URL('../../../config/prometheus-alerts.yaml', import.meta.url).pathname
    await runIfThere('promtool', ['check', 'rules', file])
  })

  for (const [program, start] of [
    ['threatbus', ['Type=notify', 'NotifyAccess=all']],
    ['vast-threatbus', ['Type=exec']],
  ] as const) {
    test(`the service unit of ${program} is sound, and as closed as a Node program can be`, async t => {
      const unit = config(`${program}.service`)
      const settings = [...unit.matchAll(/^(\w+)=(.*)$/gm)].map(([, key, value]) => `${key}=${value}`)
      for (const setting of [
        ...start,
        `ExecStart=/usr/bin/${program} -c /etc/${program}/config.yaml`,
        `StateDirectory=${program}`,
        'DynamicUser=yes',
        'NoNewPrivileges=yes',
        'ProtectSystem=strict',
        'CapabilityBoundingSet=',
      ]) {
        assert.ok(settings.includes(setting), setting)
      }
      // Node's compiler writes what it executes.
      assert.ok(!settings.some(setting => setting.startsWith('MemoryDenyWriteExecute=')))
      const file = join(temporary(t), `${program}.service`)
      writeFileSync(file, unit.replace(`/usr/bin/${program}`, process.execPath))
      await runIfThere('systemd-analyze', ['verify', '--man=no', file])
    })
  }

  test('the container file copies only what is there, and listens where others can reach it', () => {
    const file = config('Containerfile')
    const copied = [...file.matchAll(/\/build\/(\S+)/g)]
      .map(([, path]) => String(path))
      .filter(path => path !== 'node_modules')
    for (const path of copied) assert.ok(existsSync(new URL(`../../../${path}`, import.meta.url)), path)
    // What the package has, the image has.
    for (const path of JSON.parse(config('../package.json')).files) assert.ok(copied.includes(path), path)
    // On loopback only, until somebody says otherwise.
    for (const [, published] of file.matchAll(/ -p (\S+)/g)) assert.match(String(published), /^127\.0\.0\.1:/)
    assert.match(file, /^USER node$/m)
    assert.match(file, /THREATBUS_PLUGINS__APPS__ZMQ__HOST=0\.0\.0\.0/)
    assert.match(file, /^CMD \["threatbus"\]$/m)
  })

  test('the broker tells systemd when it serves and when it stops, by systemd-notify', async t => {
    // A program of that name, first in PATH, notes what it was called with.
    const directory = temporary(t)
    const notes = join(directory, 'notes')
    const program = join(directory, 'systemd-notify')
    writeFileSync(program, `#!/bin/sh\nprintf '%s %s\\n' "$NOTIFY_SOCKET" "$*" >> '${notes}'\n`)
    chmodSync(program, 0o755)
    const file = join(directory, 'config.yaml')
    writeFileSync(
      file,
      JSON.stringify({ plugins: { apps: { zmq: { manage: 0, pub: 0, sub: 0 } } }, inspector: { enabled: false } }),
    )
    const broker = spawn(process.execPath, [threatbusCommand, '-c', file], {
      env: { ...process.env, NOTIFY_SOCKET: '/run/a-socket', PATH: `${directory}${delimiter}${process.env.PATH}` },
      stdio: ['ignore', 'ignore', 'ignore'],
    })
    const exited = once(broker, 'exit')
    t.after(() => broker.kill('SIGKILL'))
    const changes = watch(directory)
    t.after(() => changes.close())
    const noted = async (line: string) => {
      while (!noteLines(notes).includes(line)) await once(changes, 'change')
    }
    await noted('/run/a-socket READY=1')
    broker.kill('SIGTERM')
    await noted('/run/a-socket STOPPING=1')
    assert.deepEqual(await exited, [0, null])
  })
})
