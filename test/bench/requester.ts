import type { Connection, Endpoint } from './wires/connection.ts'
import { connectZmtp, requestMessage } from './wires/zmtp.ts'

/** What `manage` answers. */
export interface Reply {
  readonly status: string
  readonly topic?: string
  readonly pub_port?: string | number
  readonly sub_port?: string | number
}

/**
 * One client of `manage`, one request after the other on one connection. It costs a small part of what ZeroMQ's own
 * socket does, so that it is the broker which is measured.
 */
export class Requester {
  #connection: Connection | undefined
  #answered: ((reply: Reply) => void) | undefined

  static async connect(manage: Endpoint): Promise<Requester> {
    const requester = new Requester()
    requester.#connection = await connectZmtp(manage, 'REQ', (buffer, start, end) => {
      // The empty frame stands before the reply.
      if (end > start) requester.#answered?.(JSON.parse(buffer.toString('utf8', start, end)))
    })
    return requester
  }

  /** Throws if the broker doesn't agree. */
  async ask(request: object): Promise<Reply> {
    const answer = new Promise<Reply>(resolve => {
      this.#answered = resolve
    })
    this.#connection?.write(requestMessage(request))
    const reply = await answer
    if (reply.status === 'success') return reply
    throw new Error(`the broker answered ${JSON.stringify(request)} by ${JSON.stringify(reply)}`)
  }

  close(): void {
    this.#connection?.close()
  }
}
