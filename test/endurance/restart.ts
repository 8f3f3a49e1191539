import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { batchOf } from '../../src/delivery/batch.ts'
import { SegmentedStore } from '../../src/history/segmented-store.ts'
import { openSubscriptions } from '../../src/history/subscriptions/subscriptions.ts'
import { decodeBody } from '../../src/protocol/body.ts'
import { drawP2pTopic } from '../../src/protocol/topics.ts'
import { brokerScript } from '../bench/contestants.ts'
import { indicator } from '../system/wire.ts'
import { memoryOf } from './memory.ts'

/** What came of it. */
export interface RestartOutcome {
  /** Seconds from the start of the process until it serves, three times. */
  readonly secondsToServing: readonly number[]
  /** The same without any history. */
  readonly secondsWithout: number
  /** KiB that each stale subscriber costs. */
  readonly kibibytesPerSubscriber: number
}

/** Starts a broker that finds so many subscriptions and messages. */
export async function restart(subscriptions: number, messages: number): Promise<RestartOutcome> {
  const directory = mkdtempSync(join(tmpdir(), 'threatbus-endurance-'))
  try {
    const without = await start(directory, { history: { enabled: false } })
    await writeLog(join(directory, 'threatbus-history'), messages)
    const few = await start(directory, {})
    await writeSubscriptions(join(directory, 'threatbus-history'), subscriptions, messages)
    const runs = [await start(directory, {}), await start(directory, {}), await start(directory, {})]
    const last = runs.at(-1)?.resident ?? 0
    return {
      secondsToServing: runs.map(({ seconds }) => seconds),
      secondsWithout: without.seconds,
      kibibytesPerSubscriber: ((last - few.resident) * 1024) / subscriptions,
    }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

async function writeLog(directory: string, messages: number): Promise<void> {
  const settings = { retentionDays: 30, maxBytes: 1e12, maxUnwrittenBytes: 1e9, segmentBytes: 67_108_864 }
  const store = await SegmentedStore.open(directory, settings, {
    written() {},
    failing: error => assert.fail(error as Error),
    recovered() {},
    damaged: path => assert.fail(path),
    ageingHeld() {},
    setAside: path => assert.fail(path),
  })
  const body = decodeBody(indicator(), { validation: 'lenient' })
  assert.ok('frame' in body)
  const batch = batchOf(Array.from({ length: 250 }, () => body))
  for (let written = 0; written < messages; written += 250) {
    store.append({ ...batch, first: written + 1, acceptedMs: Date.now() })
    if (store.unwrittenBytes > 16_777_216) await store.written()
  }
  await store.close()
}

async function writeSubscriptions(directory: string, count: number, messages: number): Promise<void> {
  const journal = await openSubscriptions(directory, {
    onFailing: error => assert.fail(error as Error),
    onRecovered() {},
    onSkipped: () => assert.fail(),
  })
  for (let each = 0; each < count; each++) {
    const place = { position: Math.ceil(Math.random() * messages), frames: each, confirms: false }
    const rest = { exchanges: [], sendsHeartbeats: true, staleSinceMs: Date.now() }
    journal.put({ topic: drawP2pTopic(), topics: ['stix2/indicator'], ...place, ...rest })
  }
  await journal.close()
}

/** Starts a broker, waits until it serves, looks at its memory, and ends it. */
async function start(directory: string, settings: object): Promise<{ seconds: number; resident: number }> {
  const zmq = { manage: 0, pub: 0, sub: 0 }
  const history = { max_bytes: 1e12 }
  writeFileSync(
    join(directory, 'config.yaml'),
    JSON.stringify({ history, inspector: { port: 0 }, plugins: { apps: { zmq } }, ...settings }),
  )
  const begun = performance.now()
  const broker = spawn(process.execPath, [...process.execArgv, brokerScript], {
    cwd: directory,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  for await (const line of createInterface(broker.stderr)) if (line.includes('"serving"')) break
  const seconds = (performance.now() - begun) / 1000
  broker.stderr.resume()
  const { resident } = memoryOf(broker.pid as number)
  broker.kill()
  await once(broker, 'exit')
  return { seconds, resident }
}
