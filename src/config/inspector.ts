import type * as z from 'zod'
import { isLoopback } from './exposure.ts'
import { count, flag, host, port, section, token } from './values.ts'

/** Can others reach it? What is no address at all is told by itself. */
function othersReach(address: unknown): boolean {
  const checked = host().safeParse(address)
  return checked.success && !isLoopback(checked.data)
}

/** The `inspector` section, the same in every program but for the default port and what the program is called. */
export function inspectorSection(program: string, defaultPort: number) {
  return section(
    {
      enabled: flag()
        .default(true)
        .describe('Answer HTTP: metrics, health and status for monitoring, and the page that shows what happens.'),
      host: host()
        .default('127.0.0.1')
        .describe('The address to listen on. One that others reach (0.0.0.0, :: for all of them) needs a `token`.'),
      port: port()
        .default(defaultPort)
        .describe(
          `The port. 0 lets the system pick one. If it is taken, the log says so and the ${program} goes on without.`,
        ),
      token: token()
        .optional()
        .describe('The secret that whoever asks has to know: `Authorization: Bearer …`, or `?token=…` in a browser.'),
      max_connections: count(1, 10_000)
        .default(64)
        .describe('Connections that may be open at once. One more takes the place of one that is silent or slow.'),
    },
    [
      {
        key: 'token',
        besides: 'host',
        holds: ({ host, token }) => token !== undefined || !othersReach(host),
        sentence: ({ host }) => `needed, because others can reach ${host}: a secret of 16 characters or more`,
      },
    ],
  ).describe(`What people and monitoring see of the ${program}, over HTTP.`)
}

/** The `inspector` section, read. */
export type InspectorConfig = z.output<ReturnType<typeof inspectorSection>>

/** A program's configuration without its secrets, to be shown. */
export function withoutSecrets<Config extends { readonly inspector: InspectorConfig }>(config: Config): Config {
  const { inspector } = config
  return inspector.token === undefined ? config : { ...config, inspector: { ...inspector, token: '(not shown)' } }
}
