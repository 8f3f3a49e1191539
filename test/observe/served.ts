import { type IncomingHttpHeaders, request } from 'node:http'
import { connect } from 'node:net'
import type { TestContext } from 'node:test'
import type { Route } from '../../src/observe/http/route.ts'
import { HttpServer, type HttpServerSettings } from '../../src/observe/http/server.ts'

/** What the server told its owner. */
type Told = { readonly refused: string[]; readonly failed: string[]; dropped: number }

/** A server with routes, on a free port, until the end of the test. */
export async function serve(t: TestContext, routes: readonly Route[], settings: Partial<HttpServerSettings> = {}) {
  const told: Told = { refused: [], failed: [], dropped: 0 }
  const server = new HttpServer(
    { host: '127.0.0.1', port: 0, token: undefined, maxConnections: 64, ...settings },
    {
      refused: reason => told.refused.push(reason),
      failed: path => told.failed.push(path),
      dropped: () => told.dropped++,
    },
  )
  server.add(...routes)
  const url = await server.listen()
  t.after(() => server.close())
  return { server, told, url, port: Number(url.port) }
}

/** Asks, with whatever headers (which `fetch` would not let us), over a connection of its own. */
export function ask(
  url: URL,
  path: string,
  {
    method = 'GET',
    headers = {},
    body = '',
  }: { method?: string; headers?: Record<string, string>; body?: string } = {},
) {
  return new Promise<{ status: number; headers: IncomingHttpHeaders; text: string }>((resolve, reject) => {
    const asked = request(new URL(path, url), { method, headers, agent: false }, async response => {
      let text = ''
      for await (const part of response) text += part
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text })
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

/** Sends bytes and answers all that comes until the server hangs up. */
export async function converse(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(bytes)
  let text = ''
  for await (const part of socket) text += part
  return text
}
