import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import type { BrokerProcess } from '../system/broker-process.ts'
import type { Reply } from '../system/wire.ts'

/**
 * An application on one of the libraries that the bus is joined with: a program in the library's own language that does
 * what it is told on standard input, a line for each, and blocks until it is done. Bodies are in base64.
 *
 * - `request PORT BODY` sends a request by a REQ socket of its own, and prints `{"reply":BODY}`
 * - `join PORT PREFIX` connects its SUB socket, and subscribes it
 * - `receive COUNT` prints `{"frame":BODY}` for each frame that this socket receives
 * - `connect PORT` connects its XPUB socket and waits for two subscriptions; `publish BODY` sends by it
 */
export interface Application {
  /** Sends a request to `manage`, and answers the reply. */
  request(broker: BrokerProcess, request: object): Promise<Reply>
  /** Connects to `port` as a subscriber to what begins with `prefix`. */
  join(port: number, prefix: string): void
  /** The next frames that it receives, as bytes in Latin-1: whatever they are, none looks like another. */
  receive(count: number): Promise<string[]>
  /** Publishes these messages. */
  publish(broker: BrokerProcess, messages: readonly string[]): void
  /** Ends it as a crash does. */
  kill(): void
}

/** Starts an application. It ends with the test at the latest. */
export function startApplication(t: TestContext, command: readonly string[]): Application {
  const [program = '', ...args] = command
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await exited
  })
  child.stdin.on('error', () => {})
  const output = createInterface(child.stdout)[Symbol.asyncIterator]()
  const tell = (...words: (string | number)[]) => child.stdin.write(`${words.join(' ')}\n`)
  const told = async (what: 'reply' | 'frame') => {
    const { value, done } = await output.next()
    if (done) throw new Error(`${program} ended: ${await exited}`)
    return Buffer.from(JSON.parse(value)[what], 'base64')
  }
  return {
    request: async ({ manage }, request) => {
      tell('request', manage, inBase64(JSON.stringify(request)))
      return JSON.parse(String(await told('reply')))
    },
    join: (port, prefix) => tell('join', port, prefix),
    receive: async count => {
      tell('receive', count)
      const frames: string[] = []
      for (let index = 0; index < count; index++) frames.push((await told('frame')).toString('latin1'))
      return frames
    },
    publish: ({ sub }, messages) => {
      tell('connect', sub)
      for (const message of messages) tell('publish', inBase64(message))
    },
    kill: () => child.kill('SIGKILL'),
  }
}

function inBase64(text: string): string {
  return Buffer.from(text).toString('base64')
}
