// A broker whose inspector wants the port of one of its endpoints, and one whose endpoint waits for its port.
import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import pino from 'pino'
import { startBroker } from '../../src/broker.ts'
import { configWith } from '../../src/config/schema.ts'
import type { LogLine } from './log-lines.ts'
import { get } from './monitored.ts'

/** Something that listens on a port, until it is closed. */
async function neighbour() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { port, close: () => void server.close(), closed: once(server, 'close') }
}

/** Starts a broker without a history in this process. */
function start(t: TestContext, zmq: object, inspector: object) {
  const ports = { manage: 0, pub: 0, sub: 0 }
  const config = configWith({
    plugins: { apps: { zmq: { ...ports, ...zmq } } },
    history: { enabled: false },
    inspector,
  })
  const log = new EventEmitter<{ line: [LogLine] }>()
  const logged = async (begin: string): Promise<LogLine> => {
    for (;;) {
      const [line] = await once(log, 'line')
      if (line.msg.startsWith(begin)) return line
    }
  }
  const broker = startBroker(config, pino({}, { write: text => void log.emit('line', JSON.parse(text)) }), undefined)
  t.after(() => {
    broker.stop()
    return broker.stopped
  })
  return { broker, logged }
}

test("an inspector on a port of the bus's own leaves it to the bus, whatever its address is called", async t => {
  const { port, close, closed } = await neighbour()
  close()
  await closed
  const { broker, logged } = start(t, { host: 'lo', sub: port }, { host: '127.0.0.1', port })
  const { code } = await logged("the inspector can't listen")
  assert.equal(code, 'EADDRINUSE')
  assert.equal((await broker.serving).sub, port)
})

test('the inspector is there while the bus waits for an address that somebody else has', async t => {
  const { port, close } = await neighbour()
  const { broker, logged } = start(t, { sub: port, bind_retry: 60 }, { port: 0 })
  const { msg } = await logged('the inspector listens on ')
  const url = new URL(msg.slice('the inspector listens on '.length))
  assert.deepEqual(await get(url, '/readyz'), { status: 503, text: 'not ready: the sockets are not bound yet\n' })
  close()
  assert.equal((await broker.serving).sub, port)
  assert.equal((await get(url, '/readyz')).status, 200)
})

test('an inspector whose broker was stopped before it listens never does', async t => {
  const { broker, logged } = start(t, {}, { port: 0 })
  const listens = logged('the inspector').then(() => 'the inspector listens')
  broker.stop()
  assert.deepEqual(await Promise.race([listens, broker.stopped]), { failure: undefined })
})
