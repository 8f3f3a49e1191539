import type { TestContext } from 'node:test'
import { type BrokerProcess, startBroker } from '../system/broker-process.ts'

/** A broker with an inspector on a free port. */
export interface InspectedBroker extends BrokerProcess {
  /** The page's address. */
  readonly address: string
}

/** Starts the built broker with `settings` over its defaults, and its inspector. */
export async function startInspectedBroker(
  t: TestContext,
  settings: Record<string, unknown> = {},
): Promise<InspectedBroker> {
  const broker = await startBroker(t, { inspector: { port: 0 }, ...settings })
  const { port } = await broker.logged(({ msg }) => msg.startsWith('the inspector listens'))
  return { ...broker, address: `http://127.0.0.1:${port}/` }
}
