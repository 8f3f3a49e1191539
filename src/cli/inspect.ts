import { pageRoutes } from '../inspector/serve/page-route.ts'
import { traceRoute } from '../inspector/serve/trace-route.ts'
import { traceHeadOf } from '../inspector/trace/trace-file.ts'
import { HttpServer } from '../observe/http/server.ts'
import { exitCodes } from './exit-codes.ts'
import { abortOnSignal } from './signals.ts'

/** Connections that the server has at once: a browser opens six. */
const maxConnections = 32

/** Serves the inspector with a trace on a loopback address until a signal ends it, and answers the exit code. */
export async function inspect(file: string, { port }: { readonly port: number }): Promise<number> {
  const problem = await traceHeadOf(file).then(
    () => undefined,
    (error: Error) => error.message,
  )
  if (problem !== undefined) {
    process.stderr.write(`threatbus inspect: ${file}: ${problem}\n`)
    return exitCodes.badInput
  }
  const server = new HttpServer(
    { host: '127.0.0.1', port, token: undefined, maxConnections },
    {
      refused: reason => process.stderr.write(`threatbus inspect: a request was refused: ${reason}\n`),
      dropped: () => {},
      failed: (path, error) => process.stderr.write(`threatbus inspect: ${path}: ${(error as Error).message}\n`),
    },
  )
  server.add(...pageRoutes('trace'), traceRoute(file))
  let url: URL
  try {
    url = await server.listen()
  } catch (error) {
    process.stderr.write(`threatbus inspect: cannot listen on 127.0.0.1:${port}: ${(error as Error).message}\n`)
    return exitCodes.unavailable
  }
  process.stdout.write(`${url.href}\n`)
  const signalled = abortOnSignal()
  await new Promise<void>(resolve => signalled.addEventListener('abort', () => resolve()))
  await server.close()
  return exitCodes.ok
}
