import { randomBytes } from 'node:crypto'
import { printable } from '../config/printable.ts'
import { Merge } from '../inspector/merge/merge.ts'
import { type FileSource, readSources, type Source } from '../inspector/merge/source.ts'
import { liveRoute } from '../inspector/serve/live-route.ts'
import { pageRoutes } from '../inspector/serve/page-route.ts'
import { savePage } from '../inspector/serve/save-page.ts'
import { traceRoute } from '../inspector/serve/trace-route.ts'
import { traceHeadOf } from '../inspector/trace/trace-file.ts'
import type { Route } from '../observe/http/route.ts'
import { HttpServer } from '../observe/http/server.ts'
import { exitCodes } from './exit-codes.ts'
import { abortOnSignal } from './signals.ts'

/** Connections that the server has at once: a browser opens six. */
const maxConnections = 32

/** Where the token is for addresses that have none of their own: as the broker's own configuration takes it. */
const tokenVariable = 'THREATBUS_INSPECTOR__TOKEN'

/** What is asked for beside the sources. */
export interface InspectOptions {
  readonly port: number
  /** The file that the page with the traces is written to, instead of being served. */
  readonly save?: string
}

/**
 * Serves the inspector on a loopback address, with traces, programs that run, or several of either in one page, until a
 * signal ends it, and answers the exit code.
 */
export async function inspect(args: readonly string[], { port, save }: InspectOptions): Promise<number> {
  let sources: readonly Source[]
  try {
    sources = readSources(args, process.env[tokenVariable] || undefined)
  } catch (error) {
    complain((error as Error).message)
    return exitCodes.usage
  }
  const problem = await problemOf(sources)
  if (problem !== undefined) {
    complain(problem)
    return exitCodes.badInput
  }
  if (save !== undefined) return saveTo(save, sources)
  // What was shown to those alone who know a token is not to be had here without one.
  const isSecret = sources.some(source => source.kind === 'live' && source.token !== undefined)
  const token = isSecret ? randomBytes(24).toString('base64url') : undefined
  const server = new HttpServer(
    { host: '127.0.0.1', port, token, maxConnections },
    {
      refused: reason => complain(`a request was refused: ${reason}`),
      dropped: () => {},
      failed: (path, error) => complain(`${path}: ${(error as Error).message}`),
    },
  )
  server.add(...routesOf(sources))
  let url: URL
  try {
    url = await server.listen()
  } catch (error) {
    complain(`cannot listen on 127.0.0.1:${port}: ${(error as Error).message}`)
    return exitCodes.unavailable
  }
  if (token !== undefined) url.searchParams.set('token', token)
  process.stdout.write(`${url.href}\n`)
  const signalled = abortOnSignal()
  await new Promise<void>(resolve => signalled.addEventListener('abort', () => resolve()))
  await server.close()
  return exitCodes.ok
}

/** Writes the page with the traces to a file. */
async function saveTo(path: string, sources: readonly Source[]): Promise<number> {
  const files = filesAmong(sources)
  if (files.length < sources.length) {
    complain('--save takes traces; of a program that runs, its page has a button (Save page)')
    return exitCodes.usage
  }
  try {
    await savePage(path, files)
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST'
    complain(isThere ? `${path} is there already; it is left as it is` : `${path}: ${(error as Error).message}`)
    return exitCodes.unavailable
  }
  process.stdout.write(`${printable(path)}\n`)
  return exitCodes.ok
}

function filesAmong(sources: readonly Source[]): readonly FileSource[] {
  return sources.filter(source => source.kind === 'file')
}

function complain(sentence: string): void {
  process.stderr.write(`threatbus inspect: ${printable(sentence)}\n`)
}

/** What is wrong with the first file that is no trace. A program that is not there may still come. */
async function problemOf(sources: readonly Source[]): Promise<string | undefined> {
  for (const source of sources) {
    if (source.kind === 'live') continue
    try {
      await traceHeadOf(source.path)
    } catch (error) {
      return `${source.path}: ${(error as Error).message}`
    }
  }
  return undefined
}

/** Traces alone are read whole; as soon as one program runs, what happens is followed. */
function routesOf(sources: readonly Source[]): readonly Route[] {
  const files = filesAmong(sources)
  if (files.length === sources.length) return [...pageRoutes('trace'), traceRoute(files)]
  return [...pageRoutes('live'), liveRoute(new Merge(sources))]
}
