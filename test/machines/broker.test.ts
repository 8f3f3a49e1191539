import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { assign, createActor, createMachine, fromPromise, SimulatedClock } from 'xstate'
import { brokerChart } from '../../machines/broker.ts'
import type { ManagementEvent } from '../../machines/vocabulary.ts'
import { endpointLogic } from '../../src/actors/endpoint.ts'
import { requestActions } from '../../src/protocol/management.ts'

/** A supervisor in simulated time, with endpoints that listen only when they are told to here. */
async function supervisor() {
  const calls: string[] = []
  let deliver = () => {}
  const note = (name: string) => () => void calls.push(name)
  const bindings = new Map<string, { listen(port: number): void; fail(error: Error): void }>()
  const socket = (name: string) => ({
    bind: () => new Promise<number>((listen, fail) => bindings.set(name, { listen, fail })),
    serve: () => new Promise<void>(() => {}),
    close: note(`close ${name}`),
  })
  const endpoint = endpointLogic({
    sockets: { manage: socket('manage'), pub: socket('pub'), sub: socket('sub') },
    bindRetryMs: 0,
  })
  const logic = brokerChart.provide({
    actors: {
      endpoint,
      restoreSubscribers: fromPromise<void>(async () => void calls.push('restoreSubscribers')),
      deliverRest: fromPromise<void>(() => new Promise(resolve => (deliver = resolve))),
    },
    actions: {
      rememberPort: assign({
        ports: ({ context, event }) =>
          'port' in event ? { ...context.ports, [event.name]: event.port } : context.ports,
      }),
      rememberFailure: note('rememberFailure'),
      announceServing: note('announceServing'),
      carryOutRequest: ({ event }) => 'carryOut' in event && event.carryOut(),
      refuseRequest: ({ event }) => 'refuse' in event && event.refuse(),
      reportActorFailure: note('reportActorFailure'),
      closeIntake: note('closeIntake'),
      reportUndelivered: note('reportUndelivered'),
      endActors: note('endActors'),
      closeEndpoints: note('closeEndpoints'),
    },
    guards: { everyEndpointListens: ({ context }) => Object.values(context.ports).every(port => port > 0) },
    delays: { shutdownTimeout: 100 },
  })
  const clock = new SimulatedClock()
  const input = (name: 'manage' | 'pub' | 'sub') => ({ name, address: 'tcp://127.0.0.1:0' })
  const actor = createActor(logic, {
    clock,
    input: { endpoints: { manage: input('manage'), pub: input('pub'), sub: input('sub') } },
  }).start()
  assert.equal(actor.getSnapshot().value, 'recovering')
  await settled()
  assert.deepEqual(calls.splice(0), ['restoreSubscribers'])
  return {
    actor,
    calls,
    bindings,
    /** Everything is delivered. */
    deliver: async () => {
      deliver()
      await settled()
    },
    wait: (ms: number) => {
      for (let passed = 0; passed < ms; passed++) clock.increment(1)
    },
    serve: async () => {
      for (const name of ['sub', 'manage', 'pub']) bindings.get(name)?.listen(1)
      await settled()
      assert.ok(actor.getSnapshot().matches({ running: 'serving' }))
      calls.length = 0
    },
  }
}

const settled = () => new Promise(resolve => setImmediate(resolve))
/** Sends a request for each action that there is, and one for an action that there is not; answers those that are carried out. */
function carriedOut({ send }: { send(event: ManagementEvent): void }): string[] {
  const carried: string[] = []
  const refused: string[] = []
  const actions = [...requestActions, 'sing']
  for (const action of actions) {
    const type = `management.${action}` as const
    send({ type, carryOut: () => void carried.push(action), refuse: () => void refused.push(action) })
  }
  assert.deepEqual(
    refused,
    actions.filter(action => !carried.includes(action)),
    'each request is carried out or refused',
  )
  return carried
}

describe('the supervisor', () => {
  test('serves once all three endpoints listen, in whatever order', async () => {
    const { actor, bindings, calls } = await supervisor()
    for (const name of ['pub', 'manage']) {
      bindings.get(name)?.listen(1)
      await settled()
      assert.ok(actor.getSnapshot().matches({ running: 'starting' }))
    }
    bindings.get('sub')?.listen(1)
    await settled()
    assert.ok(actor.getSnapshot().matches({ running: 'serving' }))
    assert.equal(calls.at(-1), 'announceServing')
  })

  test('carries out every action while serving, and before only those of who was here before a restart', async () => {
    const { actor, serve } = await supervisor()
    assert.deepEqual(carriedOut(actor), ['heartbeat'])
    await serve()
    assert.deepEqual(carriedOut(actor), requestActions)
  })

  test('fails when an endpoint fails, and closes the others', async () => {
    const { actor, bindings, calls } = await supervisor()
    bindings.get('pub')?.fail(new Error('taken'))
    await settled()
    assert.equal(actor.getSnapshot().value, 'failed')
    for (const call of ['rememberFailure', 'endActors', 'closeEndpoints']) assert.ok(calls.includes(call), call)
  })

  test('delivers what is queued when the history is lost, and has failed', async () => {
    const lost = { type: 'history.lost', failure: { name: 'history', error: new Error('gone') } } as const
    const { actor, calls, serve } = await supervisor()
    await serve()
    actor.send(lost)
    assert.ok(actor.getSnapshot().matches({ running: 'draining' }))
    assert.deepEqual(calls, ['rememberFailure', 'closeIntake'])
    const starting = await supervisor()
    starting.actor.send(lost)
    assert.equal(starting.actor.getSnapshot().value, 'failed')
    for (const call of ['rememberFailure', 'endActors', 'closeEndpoints'])
      assert.ok(starting.calls.includes(call), call)
  })

  test('stops when everything is delivered', async () => {
    const { actor, calls, serve, deliver } = await supervisor()
    await serve()
    actor.send({ type: 'stop' })
    assert.deepEqual(calls, ['closeIntake'])
    await deliver()
    assert.equal(actor.getSnapshot().value, 'stopped')
    assert.deepEqual(calls, ['closeIntake', 'reportUndelivered', 'endActors', 'closeEndpoints'])
  })

  test('waits for what is queued, refuses subscriptions meanwhile, and still answers those who are here', async () => {
    const { actor, serve, deliver, wait } = await supervisor()
    await serve()
    actor.send({ type: 'stop' })
    wait(50)
    assert.ok(actor.getSnapshot().matches({ running: 'draining' }))
    assert.deepEqual(carriedOut(actor), ['unsubscribe', 'heartbeat'])
    await deliver()
    assert.equal(actor.getSnapshot().value, 'stopped')
  })

  test('stops after its time although something is queued', async () => {
    const { actor, serve, wait } = await supervisor()
    await serve()
    actor.send({ type: 'stop' })
    wait(99)
    assert.equal(actor.getSnapshot().status, 'active')
    wait(1)
    assert.equal(actor.getSnapshot().value, 'stopped')
  })

  const bug = new Error('a bug')
  const failing = createMachine({
    on: {
      fail: {
        actions: () => {
          throw bug
        },
      },
    },
  })

  for (const id of ['subscriber.abcdef…', 'snapshot.5f0ab1f2-6b8a-4d9f-9d6c-0f4d1f8a7c11']) {
    test(`goes on when ${id} fails, and reports it`, async () => {
      const { actor, calls, serve } = await supervisor()
      await serve()
      createActor(failing, { parent: actor, id }).start().send({ type: 'fail' })
      assert.deepEqual(calls, ['reportActorFailure'])
      assert.ok(actor.getSnapshot().matches({ running: 'serving' }))
    })
  }

  test('fails when an actor does that it cannot do without', async () => {
    const { actor, calls, serve } = await supervisor()
    await serve()
    let failure: unknown
    actor.subscribe({ error: error => (failure = error) })
    createActor(failing, { parent: actor, id: 'pub' }).start().send({ type: 'fail' })
    assert.equal(failure, bug)
    assert.deepEqual(calls, [])
  })

  test('stops when it is told to while starting', async () => {
    const { actor, calls } = await supervisor()
    actor.send({ type: 'stop' })
    assert.equal(actor.getSnapshot().value, 'stopped')
    assert.deepEqual(calls, ['endActors', 'closeEndpoints'])
  })
})
