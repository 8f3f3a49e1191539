import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type Decision, PublicationAdmission } from '../../src/delivery/publication-admission.ts'

/** A publisher, and whether he is read. */
class Publisher {
  #pauses = 0

  get isRead(): boolean {
    return this.#pauses === 0
  }

  pause(): void {
    this.#pauses++
  }

  resume(): void {
    this.#pauses--
  }
}

interface Request {
  readonly publisher: number
  readonly bytes: number
  decision: Decision | undefined
}

/** A disk, publishers, and what became of their requests. */
function stage(maxBytes: number) {
  const disk = { unwrittenBytes: 0, isFailing: false }
  const admission = new PublicationAdmission(disk, maxBytes)
  const publishers = Array.from({ length: 6 }, () => new Publisher())
  const requests: Request[] = []
  const inside: Request[] = []
  return {
    ...{ disk, admission, publishers, requests, inside },
    send(publisher: number, bytes: number) {
      const request: Request = { publisher, bytes, decision: undefined }
      requests.push(request)
      admission.enter(publishers[publisher] as Publisher, bytes).then(decision => {
        assert.equal(request.decision, undefined)
        request.decision = decision
        if (decision === 'admitted') inside.push(request)
      })
    },
    answerOldest() {
      const answered = inside.shift()
      if (answered) admission.leave(answered.bytes)
    },
    waiting: () => requests.filter(({ decision }) => decision === undefined),
  }
}

const settled = () => new Promise(setImmediate)
const total = (requests: readonly Request[]) => requests.reduce((sum, { bytes }) => sum + bytes, 0)

describe('publish requests', () => {
  const maxBytes = 1000
  const bytes = fc.integer({ min: 1, max: 400 })
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ publisher: fc.nat(5), bytes }) },
    { weight: 3, arbitrary: fc.constant('answer' as const) },
    { weight: 1, arbitrary: fc.record({ unwritten: fc.nat(1500) }) },
    { weight: 1, arbitrary: fc.constantFrom('fail' as const, 'recover' as const) },
  )

  test('are bounded inside and outside, decided on once and in order, and none waits when there is room', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120 }), async steps => {
        const { disk, admission, publishers, requests, inside, send, answerOldest, waiting } = stage(maxBytes)
        for (const each of steps) {
          if (each === 'answer') answerOldest()
          else if (each === 'fail') disk.isFailing = true
          else if (each === 'recover') disk.isFailing = false
          else if ('unwritten' in each) disk.unwrittenBytes = each.unwritten
          else send(each.publisher, each.bytes)
          if (typeof each === 'string' || 'unwritten' in each) admission.look()
          await settled()

          assert.ok(total(inside) < maxBytes + 400, `${total(inside)} bytes inside`)
          assert.equal(admission.waitingBytes, total(waiting()))
          const others = new Set(waiting().map(({ publisher }) => publisher))
          if (others.size > 1) assert.ok(admission.waitingBytes <= maxBytes)
          if (disk.isFailing || (total(inside) < maxBytes && disk.unwrittenBytes < maxBytes)) {
            assert.deepEqual(waiting(), [])
          }
          for (const [index, publisher] of publishers.entries()) {
            const own = waiting().filter(request => request.publisher === index)
            assert.equal(publisher.isRead, own.length < 2)
          }
        }
        for (let index = 0; index < publishers.length; index++) {
          const admitted = inside.filter(({ publisher }) => publisher === index)
          assert.deepEqual(
            admitted,
            requests.filter(request => admitted.includes(request)),
          )
        }
        admission.close()
        await settled()
        assert.deepEqual(waiting(), [])
        assert.ok(publishers.every(({ isRead }) => isRead))
      }),
    )
  })

  test('of one who sends much crowd out nobody but himself', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(bytes, { maxLength: 100 }), async floods => {
        const { disk, requests, send, admission } = stage(maxBytes)
        disk.unwrittenBytes = maxBytes
        send(1, 50)
        send(2, 50)
        for (const flood of floods) send(0, flood + 50)
        send(3, 50)
        await settled()
        const refused = requests.filter(({ decision }) => decision === 'crowded_out')
        assert.ok(refused.every(({ publisher }) => publisher === 0))
        disk.unwrittenBytes = 0
        admission.look()
        await settled()
        // He has his turn, and no more than that, before the one who came last.
        const admitted = requests.filter(({ decision }) => decision === 'admitted')
        for (const publisher of [1, 2, 3]) assert.ok(admitted.some(request => request.publisher === publisher))
      }),
    )
  })

  test('that are larger than what may wait have their turn all the same', async () => {
    const { disk, requests, send, admission } = stage(maxBytes)
    disk.unwrittenBytes = maxBytes
    send(0, 5000)
    await settled()
    assert.equal(requests[0]?.decision, undefined)
    disk.unwrittenBytes = 0
    admission.look()
    await settled()
    assert.equal(requests[0]?.decision, 'admitted')
  })

  test('are refused when the broker stops', async () => {
    const { disk, requests, send, admission } = stage(maxBytes)
    disk.unwrittenBytes = maxBytes
    send(0, 10)
    admission.close()
    send(1, 10)
    await settled()
    assert.deepEqual(
      requests.map(({ decision }) => decision),
      ['closed', 'closed'],
    )
  })
})
