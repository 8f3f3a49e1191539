import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { IndicatorMint, indicatorTopic, SequenceReader } from './indicators.ts'
import { type WireName, wires } from './wires/wires.ts'

// What the benchmark says to other brokers, and how it reads what they send:
//
//   subscriber ◀── bytes of the protocol, cut anywhere ── a server that speaks from a script

const messages = 40

/** What a server says until a subscriber is ready, and how it delivers what a publisher sent. */
interface Script {
  readonly opening: readonly Buffer[]
  readonly delivered: (published: Buffer) => Buffer
}

const scripts: Readonly<Record<Exclude<WireName, 'zmtp'>, Script>> = {
  // CONNACK and SUBACK; a subscriber gets what a publisher sent.
  mqtt: {
    opening: [Buffer.from('20020000', 'hex'), Buffer.from('9003000100', 'hex')],
    delivered: published => published,
  },
  nats: {
    opening: [Buffer.from('INFO {"server_id":"x"}\r\nPONG\r\nPING\r\n')],
    delivered: published => Buffer.from(published.toString().replace('PUB stix2.indicator', 'MSG stix2.indicator 1')),
  },
  // Start, tune, open-ok, channel open-ok, declare-ok, declare-ok, bind-ok, consume-ok.
  amqp: {
    opening: ['000a000a', '000a001e', '000a0029', '0014000b', '0028000b', '0032000b', '00320015', '003c0015'].map(
      methodFrame,
    ),
    delivered: published => published,
  },
}

for (const [name, script] of Object.entries(scripts)) {
  for (const cut of [1, 7, 500, 100_000]) {
    test(`a subscriber of ${name} reads every message out of pieces of ${cut} bytes`, async () => {
      const wire = wires[name as WireName]
      const mint = new IndicatorMint(500, wire)
      const sequences = new SequenceReader(mint.marker)
      const published = Array.from({ length: messages }, (_, sequence) => mint.coin(sequence, sequence + 1))
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      server.once('connection', socket => serve(socket, script, Buffer.concat(published.map(script.delivered)), cut))
      const { port } = server.address() as AddressInfo
      const read: number[] = []
      const lengths = new Set<number>()
      const all = new EventEmitter()
      const allRead = once(all, 'read')
      const subscriber = await wire.subscribe({ host: '127.0.0.1', port }, indicatorTopic, (buffer, start, end) => {
        lengths.add(end - start)
        read.push(sequences.read(buffer, start, end))
        if (read.length === messages) all.emit('read')
      })
      await allRead
      subscriber.close()
      server.close()
      assert.deepEqual(read, [...Array(messages).keys()])
      assert.deepEqual([...lengths], [500])
    })
  }
}

/** Says the opening, and then the messages in pieces. What the subscriber says is heard and not heeded. */
function serve(socket: Socket, { opening }: Script, delivered: Buffer, cut: number): void {
  socket.setNoDelay().resume()
  for (const part of opening) socket.write(part)
  for (let at = 0; at < delivered.length; at += cut) socket.write(delivered.subarray(at, at + cut))
}

function methodFrame(method: string): Buffer {
  return Buffer.from(`01000000000004${method}ce`, 'hex')
}
