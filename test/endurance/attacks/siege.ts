import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type BrokerProcess, startBroker } from '../../system/broker-process.ts'
import { inspectorOf, scrape } from '../../system/monitored.ts'
import { memoryOf } from '../memory.ts'
import type { Target } from './attack.ts'
import type { AttackOrder } from './attack-process.ts'
import type { Experience, Question } from './honest-process.ts'

/** What came of an attack, or of several at once. */
export interface Siege {
  readonly attacks: readonly string[]
  /** What the honest ones noticed before, during and after. */
  readonly before: Experience
  readonly during: Experience
  readonly after: Experience
  /** Memory of the broker in MiB: before, at most, and after. */
  readonly mebibytes: { readonly before: number; readonly most: number; readonly after: number }
  /** Seconds after which everything was where it had been. */
  readonly recoveredSeconds: number
  /** What did not hold; nothing, if all is well. */
  readonly complaints: readonly string[]
}

/** What honest applications are owed, whatever strangers do. Beside them the attacks take two cores as well. */
const owed = { deliveryP99Ms: 250, manageMs: 1000, memoryMebibytes: 400, recoverySeconds: 60 }

const calmSeconds = 5

/** What has to return to where it was. */
const counts = [
  'threatbus_connections{endpoint="manage"}',
  'threatbus_connections{endpoint="pub"}',
  'threatbus_connections{endpoint="sub"}',
]

/** Attacks a broker beside ten honest subscribers, and says what they noticed. */
export async function siege(
  t: Pick<TestContext, 'after'>,
  attacks: readonly string[],
  { connections, seconds }: Pick<AttackOrder, 'connections' | 'seconds'>,
): Promise<Siege> {
  const broker = await startBroker(t, { inspector: { port: 0 } })
  const inspector = await inspectorOf(broker)
  const target: Target = { ...portsOf(broker), host: '127.0.0.1', http: Number(inspector.port) }
  const honest = start(t, './honest-process.js')
  honest.send(target)
  await Promise.race([once(honest, 'message'), failure(honest)])
  await ask(honest, 'noticed')
  await sleep(calmSeconds * 1000)
  const before = await ask(honest, 'noticed')
  const countsBefore = await scrape(inspector)

  const { pid } = broker.process
  assert.ok(pid !== undefined)
  const memory = { before: memoryOf(pid).resident, most: 0 }
  const watch = setInterval(() => {
    memory.most = Math.max(memory.most, memoryOf(pid).resident)
  }, 100)
  const attacker = start(t, './attack-process.js')
  attacker.send({ target, names: attacks, connections, seconds } satisfies AttackOrder)
  const [code] = await once(attacker, 'exit')
  const during = await ask(honest, 'noticed')
  const endedMs = performance.now()
  const isBack = async () => {
    // Who asks from where an attack came may be crowded out with it, for as long as its connections are there.
    const now = await scrape(inspector).catch(() => undefined)
    return now !== undefined && counts.every(name => (now.get(name) ?? 0) <= (countsBefore.get(name) ?? 0) + 1)
  }
  while (!(await isBack()) && performance.now() < endedMs + owed.recoverySeconds * 1000) await sleep(200)
  const recoveredSeconds = Math.round((performance.now() - endedMs) / 100) / 10
  await ask(honest, 'noticed')
  await sleep(calmSeconds * 1000)
  const after = await ask(honest, 'end')
  clearInterval(watch)
  const mebibytes = {
    before: Math.round(memory.before),
    most: Math.round(memory.most),
    after: Math.round(memoryOf(pid).resident),
  }
  await broker.stop()
  const outcome = { attacks, before, during, after, mebibytes, recoveredSeconds }
  return {
    ...outcome,
    complaints: [...complaintsOf(outcome), ...(code === 0 ? [] : ['the attacks failed themselves'])],
  }
}

function complaintsOf({ during, after, mebibytes, recoveredSeconds }: Omit<Siege, 'complaints'>): readonly string[] {
  const said = (isSo: boolean, text: string) => (isSo ? [text] : [])
  return [
    ...said(during.deliveryMs.p99 > owed.deliveryP99Ms, `deliveries took ${during.deliveryMs.p99} ms (p99)`),
    ...said(during.manageMs.most > owed.manageMs, `a heartbeat took ${during.manageMs.most} ms`),
    ...said(after.deliveryMs.p99 > owed.deliveryP99Ms, `afterwards deliveries took ${after.deliveryMs.p99} ms (p99)`),
    ...said(during.failedRequests > 0, `${during.failedRequests} heartbeats failed`),
    ...said(mebibytes.most > owed.memoryMebibytes, `the broker had ${mebibytes.most} MiB`),
    ...said(recoveredSeconds >= owed.recoverySeconds, `connections were not gone after ${recoveredSeconds} s`),
  ]
}

function portsOf({ manage, pub, sub }: BrokerProcess) {
  return { manage, pub, sub }
}

function start(t: Pick<TestContext, 'after'>, script: string): ChildProcess {
  const child = fork(fileURLToPath(new URL(script, import.meta.url)))
  t.after(() => child.kill('SIGKILL'))
  return child
}

async function ask(honest: ChildProcess, question: Question): Promise<Experience> {
  const answered = once(honest, 'message') as Promise<[Experience]>
  honest.send(question)
  const [experience] = await Promise.race([answered, failure(honest)])
  return experience
}

/** An honest application ends when it was not sent what it is owed: its last words stand on standard error. */
async function failure(honest: ChildProcess): Promise<never> {
  const [code] = await once(honest, 'exit')
  throw new Error(`the honest applications ended with ${code}`)
}
