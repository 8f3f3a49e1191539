/** What the checker is told of a run with real processes, and what it says. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { BrokerProcess } from '../system/broker-process.ts'
import { exported, historyOf } from '../system/history-process.ts'
import type { Application } from './applications.ts'
import { type Allowance, check, complaints, type Findings, nothingTwice } from './checker.ts'
import { nameIn, nameOf } from './numbered-messages.ts'
import type { Publication, PublisherOptions } from './publisher-process.ts'

/** What a publisher came to. */
export interface Published {
  readonly options: PublisherOptions
  readonly publication: Publication
}

/** What a run came to: what there was to receive. */
export class Outcome {
  /** Names of the messages in the log up to the last one that everybody waited for, in order. */
  readonly log: readonly string[]
  readonly #published: ReadonlySet<string>

  /**
   * Reads the broker's log, and checks that everything is in it that has a receipt, and nothing that nobody published. What
   * stands in it behind the message named `last` need not have reached anybody.
   */
  static async read(
    t: Pick<TestContext, 'after'>,
    broker: BrokerProcess,
    published: readonly Published[],
    last: string,
  ): Promise<Outcome> {
    const log = (await exported(t, '--path', historyOf(broker))).map(nameIn)
    for (const each of published) assertLogged(log, each)
    return new Outcome(log, published, last)
  }

  private constructor(log: readonly string[], published: readonly Published[], last: string) {
    const names = published.flatMap(({ options: { publisher }, publication: { count } }) =>
      Array.from({ length: count }, (_, number) => nameOf(publisher, number)),
    )
    this.#published = new Set(names)
    const strange = log.filter(name => !this.#published.has(name))
    assert.ok(strange.length === 0, `in the log, and nobody published it: ${strange[0]}`)
    this.log = log.slice(0, log.indexOf(last) + 1)
  }

  /** What is to be said of an application. One that joined by types is owed the order of each type. */
  findings({ options: { kind, types = [] }, arrivals }: Application): readonly Findings[] {
    if (kind !== 'typed') return [check(this.log, name => this.#published.has(name), arrivals)]
    const isOf = (type: string) => (name: string) => name.startsWith(`${type}--`)
    const strange = arrivals.filter(({ message }) => !types.some(type => isOf(type)(message)))
    return types.map(type => {
      const isIts = isOf(type)
      return check(this.log.filter(isIts), name => isIts(name) && this.#published.has(name), [
        ...arrivals.filter(({ message }) => isIts(message)),
        ...strange,
      ])
    })
  }
}

function assertLogged(log: readonly string[], { options: { publisher }, publication: { receipts } }: Published): void {
  const findings = check(
    receipts.map(number => nameOf(publisher, number)),
    () => true,
    log.map(message => ({ message, bytes: 0, atMs: 0 })),
  )
  // Who got no answer publishes again.
  const said = complaints(findings, { repetitions: Number.POSITIVE_INFINITY, bytesOf: () => 0 })
  assert.ok(said.length === 0, `in the log, of the receipts of publisher ${publisher}: ${said.join('; ')}`)
}

/** Checks that these applications received what there was, and no more of it twice than is allowed. */
export function assertDelivered(
  outcome: Outcome,
  applications: readonly Application[],
  allowanceFor: (application: Application, index: number) => Allowance,
): void {
  const said = applications.flatMap((application, index) => {
    const { kind, pauseMs = 0 } = application.options
    const allowance = kind === 'confirming' ? nothingTwice : allowanceFor(application, index)
    return outcome
      .findings(application)
      .flatMap(findings => complaints(findings, allowance))
      .map(complaint => `${kind}${pauseMs > 0 ? ', slow' : ''} (${index}): ${complaint}`)
  })
  assert.ok(said.length === 0, said.join('\n'))
}
