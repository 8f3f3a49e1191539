import assert from 'node:assert/strict'
import { test } from 'node:test'
import { household, settled } from './household.ts'

test('the first heartbeat that says what was received is answered when that survives the process, later ones at once', async () => {
  const told: string[] = []
  let write = () => {}
  const house = household({
    answerHeartbeat: ([route]) => told.push(`answered ${route?.[0]}`),
    reply: ({ route: [route] }, { status }) => told.push(`${status} ${route?.[0]}`),
    remembered: () => {
      told.push('written')
      return new Promise(resolve => (write = resolve))
    },
  })
  house.supervisor.start()
  await settled()
  const { topic, queue } = house.subscribe(['stix2'])
  const heartbeat = (number: number, of: string, received?: number) =>
    house.supervisor.send({ type: 'management.heartbeat', route: [Uint8Array.of(number)], topic: of, received })
  heartbeat(1, topic)
  heartbeat(2, 'unknown', 0)
  assert.deepEqual(told.splice(0), ['success 1', 'error 2'])
  assert.equal(queue.confirms, false)
  heartbeat(3, topic, 0)
  await settled()
  assert.deepEqual(told.splice(0), ['written'])
  heartbeat(4, topic, 0)
  write()
  await settled()
  assert.deepEqual(told, ['answered 4', 'answered 3'])
  assert.equal(queue.confirms, true)
  house.supervisor.stop()
})
