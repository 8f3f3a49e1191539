import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import type { ProcessLog } from './log-lines.ts'

/** The address of a program's inspector, once it listens. */
export async function inspectorOf(program: Pick<ProcessLog, 'logged'>): Promise<URL> {
  const { msg } = await program.logged(line => line.msg.startsWith('the inspector listens on '))
  return new URL(msg.slice('the inspector listens on '.length))
}

/** What it answers to a GET, as of now, with whatever headers (which `fetch` would not let us). */
export function get(url: URL, path: string, headers: Record<string, string> = {}) {
  return new Promise<{ readonly status: number; readonly text: string }>((resolve, reject) => {
    const asked = httpRequest(
      new URL(path, url),
      { headers: { 'cache-control': 'no-cache', ...headers }, agent: false },
      async response => {
        let text = ''
        for await (const part of response.setEncoding('utf8')) text += part
        resolve({ status: response.statusCode ?? 0, text })
      },
    )
    asked.on('error', reject)
    asked.end()
  })
}

/** The values of a scrape, by name and labels as they are written: `threatbus_subscribers{state="live"}`. */
export async function scrape(url: URL): Promise<ReadonlyMap<string, number>> {
  const { status, text } = await get(url, '/metrics')
  assert.equal(status, 200)
  const samples = text.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  return new Map(samples.map(line => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]))
}
