import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createActor, fromTransition, SimulatedClock, waitFor } from 'xstate'
import { endpointLogic } from '../../src/actors/endpoint.ts'

const inUse = () => Promise.reject(Object.assign(new Error('address in use'), { code: 'EADDRINUSE' }))
const never = () => new Promise<never>(() => {})

/** An endpoint in simulated time, with a socket whose binds end as scripted, and a parent that notes what it is told. */
function endpoint(
  binds: (() => Promise<number>)[],
  options: { bindRetryMs?: number; serve?: () => Promise<void> } = {},
) {
  const calls: string[] = []
  const socket = {
    bind: () => {
      calls.push('bind')
      return (binds.shift() ?? never)()
    },
    serve: options.serve ?? never,
    close: () => void calls.push('close'),
  }
  const logic = endpointLogic({
    sockets: { manage: socket, pub: socket, sub: socket },
    bindRetryMs: options.bindRetryMs ?? 0,
  })
  const told: unknown[] = []
  // The whole system goes by the clock of its root.
  const clock = new SimulatedClock()
  const parent = createActor(
    fromTransition((state, event: { type: string }) => {
      if (!event.type.startsWith('xstate.')) told.push(event)
      return state
    }, undefined),
    { clock },
  ).start()
  const actor = createActor(logic, { parent, input: { name: 'pub', address: 'tcp://127.0.0.1:1' } }).start()
  return { actor, calls, told, clock }
}

/** Promises have settled, and the actor has heard of it. */
const settled = () => new Promise(resolve => setImmediate(resolve))

describe('an endpoint', () => {
  test('listens when its address is bound, and reports the port', async () => {
    const { actor, told } = endpoint([() => Promise.resolve(5)])
    await waitFor(actor, snapshot => snapshot.matches('listening'))
    assert.deepEqual(told, [{ type: 'endpoint.listening', name: 'pub', port: 5 }])
  })

  test('fails at once when its address is taken', async () => {
    const { actor, told, calls } = endpoint([inUse])
    await waitFor(actor, snapshot => snapshot.matches('failed'))
    assert.equal(calls.at(-1), 'close')
    const [{ type, failure }] = told as [{ type: string; failure: { name: string; error: { code: string } } }]
    assert.equal(type, 'endpoint.failed')
    assert.deepEqual([failure.name, failure.error.code], ['pub', 'EADDRINUSE'])
  })

  test('tries again, ever more slowly, while its address is taken if it was asked to', async () => {
    const { actor, calls, clock } = endpoint([inUse, inUse, () => Promise.resolve(5)], { bindRetryMs: 10_000 })
    await settled()
    assert.equal(actor.getSnapshot().value, 'waiting')
    for (let ms = 0; ms < 200; ms++) clock.increment(1)
    await settled()
    assert.equal(calls.length, 2)
    for (let ms = 0; ms < 399; ms++) clock.increment(1)
    assert.equal(calls.length, 2)
    clock.increment(1)
    await settled()
    assert.equal(actor.getSnapshot().value, 'listening')
  })

  test('gives up when it has waited for as long as it was asked to', async () => {
    const { actor, calls, clock } = endpoint(Array(20).fill(inUse), { bindRetryMs: 1000 })
    for (let ms = 0; ms < 3000; ms++) {
      await settled()
      if (actor.getSnapshot().status === 'done') break
      clock.increment(1)
    }
    assert.equal(actor.getSnapshot().value, 'failed')
    assert.ok(calls.length > 2 && calls.length < 8)
  })

  test('does not wait for an address that can never be bound', async () => {
    const refuse = () => Promise.reject(Object.assign(new Error('no such address'), { code: 'EADDRNOTAVAIL' }))
    const { actor } = endpoint([refuse], { bindRetryMs: 10_000 })
    await waitFor(actor, snapshot => snapshot.matches('failed'))
  })

  test('fails when its socket does', async () => {
    const { actor, told } = endpoint([() => Promise.resolve(5)], { serve: () => Promise.reject(new Error('broken')) })
    await waitFor(actor, snapshot => snapshot.matches('failed'))
    assert.equal(told.length, 2)
  })

  for (const [state, binds, bindRetryMs] of [
    ['binding', [], 0],
    ['waiting', [inUse], 10_000],
    ['listening', [() => Promise.resolve(5)], 0],
  ] as const) {
    test(`closes its socket when it is told to while ${state}`, async () => {
      const { actor, calls } = endpoint([...binds], { bindRetryMs })
      await settled()
      assert.equal(actor.getSnapshot().value, state)
      actor.send({ type: 'close' })
      assert.equal(actor.getSnapshot().value, 'closed')
      assert.equal(calls.at(-1), 'close')
    })
  }
})
