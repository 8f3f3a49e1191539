import type { TestContext } from 'node:test'
import { type RunningCommand, startCommand, startNode } from '../system/command-process.ts'

/** An application with an inspector of its own. */
export interface InspectedApplication extends RunningCommand {
  /** Its page's address. */
  readonly address: string
}

/** An application in a process of its own, `watcher`, which subscribes to indicators of the broker at `manage` and is inspected. */
export async function startInspectedApplication(t: TestContext, manage: number): Promise<InspectedApplication> {
  const index = new URL('../../src/index.js', import.meta.url).href
  const script = `
    const { connect } = await import(${JSON.stringify(index)})
    const bus = connect({
      endpoint: '127.0.0.1:${manage}', inspect: { name: 'watcher' },
      heartbeatIntervalMs: 200, requestTimeoutMs: 500, shortestRetryPauseMs: 100, longestRetryPauseMs: 300,
    })
    console.log(await bus.inspector)
    process.once('SIGTERM', () => bus.close())
    for await (const message of await bus.subscribe('stix2/indicator')) console.log(message.object.id)
  `
  const application = startNode(t, '--input-type=module', '-e', script)
  const [address = ''] = await application.printed(1)
  return { ...application, address }
}

/** Runs `threatbus inspect`, and answers the address that it prints. */
export async function inspect(t: TestContext, ...sources: readonly string[]): Promise<string> {
  const [address = ''] = await startCommand(t, 'inspect', ...sources).printed(1)
  return address
}
