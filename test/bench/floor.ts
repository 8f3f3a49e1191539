import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { Router, Subscriber, XPublisher } from 'zeromq'

/**
 * The floor: the least that a broker of this protocol can do in Node with zeromq. It receives, parses, and sends once for
 * each subscriber: no actors, no validation, no queues, no history, no flow control. It has the three habits that make
 * zeromq fast at this:
 *
 * - it sends by runs: all that waits to one subscriber, then to the next;
 * - no `receive()` is pending on `pub` while it sends, for that would make each send ask the socket for its events;
 * - the intake sets its `receiveTimeout` to 0 while it drains, which spares it the same question.
 *
 * Usage: `node floor.js [MANAGE PUB SUB]`. Without ports, the system chooses. When it is ready it says its ports on
 * stdout, as one line of JSON.
 */

const longestRun = 256
const empty = Buffer.alloc(0)
/** How often `pub` is asked for subscriptions, in milliseconds. */
const subscriptionInterval = 5

const [managePort = '*', pubPort = '*', subPort = '*'] = process.argv.slice(2)
const manage = new Router({ linger: 0 })
const pub = new XPublisher({ linger: 0, sendTimeout: 0, sendHighWaterMark: 0 })
const sub = new Subscriber({ linger: 0, receiveHighWaterMark: 0 })
await manage.bind(`tcp://127.0.0.1:${managePort}`)
await pub.bind(`tcp://127.0.0.1:${pubPort}`)
await sub.bind(`tcp://127.0.0.1:${subPort}`)
sub.subscribe('stix2/')

/** The topics of each subscriber, by its p2p topic. */
const subscribers = new Map<string, string[]>()

// The process ends with the one that started it, if that one keeps a channel to it.
process.on('disconnect', () => process.exit())
readSubscriptions()
answerRequests()
process.stdout.write(`${JSON.stringify({ manage: portOf(manage), pub: portOf(pub), sub: portOf(sub) })}\n`)

for (;;) {
  const run = await receiveRun()
  for (const [p2pTopic, topics] of subscribers) {
    for (const [type, body] of run) {
      if (topics.some(topic => `stix2/${type}`.startsWith(topic))) await pub.send(`${p2pTopic}${type} ${body}`)
    }
  }
}

/** Waits for a message, and takes all that is there then. */
async function receiveRun(): Promise<[type: string, body: string][]> {
  const run: [string, string][] = []
  sub.receiveTimeout = -1
  let [frame = empty] = await sub.receive()
  sub.receiveTimeout = 0
  try {
    for (;;) {
      const body = frame.toString('utf8', frame.indexOf(32) + 1)
      run.push([JSON.parse(body).type, body])
      if (run.length === longestRun) break
      ;[frame = empty] = await sub.receive()
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
  }
  return run
}

/** Subscriptions need no answer, but they have to be taken from the socket: it admits them only then. */
async function readSubscriptions(): Promise<never> {
  for (;;) {
    while (pub.readable) await pub.receive()
    await delay(subscriptionInterval)
  }
}

async function answerRequests(): Promise<void> {
  for await (const [peer = '', , request = ''] of manage) {
    await manage.send([peer, '', JSON.stringify(answerTo(JSON.parse(request.toString())))])
  }
}

function answerTo(request: { action: string; topic: string }): object {
  switch (request.action) {
    case 'subscribe': {
      const topic = drawP2pTopic()
      subscribers.set(topic, [request.topic].flat())
      return { topic, pub_port: portOf(pub), sub_port: portOf(sub), status: 'success' }
    }
    case 'unsubscribe':
      return { status: subscribers.delete(request.topic) ? 'success' : 'error' }
    default:
      return { status: subscribers.has(request.topic) ? 'success' : 'error' }
  }
}

function drawP2pTopic(): string {
  return String.fromCharCode(...Array.from({ length: 32 }, () => randomInt(97, 123)))
}

function portOf(socket: Router | Subscriber | XPublisher): string {
  return socket.lastEndpoint?.split(':').at(-1) ?? ''
}
