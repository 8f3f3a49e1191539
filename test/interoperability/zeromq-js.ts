/** An application on zeromq.js, which is libzmq. It does what the test tells it on standard input (application.ts). */
import { createInterface } from 'node:readline'
import { Request, Subscriber, XPublisher } from 'zeromq'

const subscriber = new Subscriber()
const publisher = new XPublisher()

const address = (port: string) => `tcp://127.0.0.1:${port}`
const decode = (text: string) => Buffer.from(text, 'base64')

function tell(what: string, message: Buffer | undefined): void {
  process.stdout.write(`${JSON.stringify({ [what]: message?.toString('base64') })}\n`)
}

const verbs: Record<string, (first: string, second: string) => unknown> = {
  async request(port, body) {
    const requester = new Request()
    requester.connect(address(port))
    await requester.send(decode(body))
    tell('reply', (await requester.receive())[0])
    requester.close()
  },
  join(port, prefix) {
    subscriber.connect(address(port))
    subscriber.subscribe(prefix)
  },
  async receive(count) {
    for (let index = 0; index < Number(count); index++) tell('frame', (await subscriber.receive())[0])
  },
  async connect(port) {
    publisher.connect(address(port))
    // What is sent before the broker's two subscriptions are here is dropped.
    for (let index = 0; index < 2; index++) await publisher.receive()
  },
  publish: body => publisher.send(decode(body)),
}

for await (const line of createInterface(process.stdin)) {
  const [verb = '', first = '', second = ''] = line.split(' ')
  await verbs[verb]?.(first, second)
}
