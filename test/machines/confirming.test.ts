import assert from 'node:assert/strict'
import { test } from 'node:test'
import { household, settled } from './household.ts'

test('the first heartbeat that says what was received is answered when that survives the process, later ones at once', async () => {
  const told: string[] = []
  let write = () => {}
  const house = household({
    remembered: () => {
      told.push('written')
      return new Promise(resolve => (write = resolve))
    },
  })
  house.supervisor.start()
  await settled()
  const { topic, queue } = house.subscribe(['stix2'])
  const { actor } = house.subscribers.find(topic) ?? assert.fail()
  const heartbeat = (number: number) =>
    actor.send({ type: 'frames.confirmed', received: 0, answer: () => void told.push(`answered ${number}`) })
  assert.equal(queue.confirms, false)
  heartbeat(3)
  await settled()
  assert.deepEqual(told.splice(0), ['written'])
  heartbeat(4)
  write()
  await settled()
  assert.deepEqual(told, ['answered 4', 'answered 3'])
  assert.equal(queue.confirms, true)
  house.supervisor.stop()
})
