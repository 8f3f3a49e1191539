import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { forkScript } from './applications.ts'
import type { Publication, PublisherOptions } from './publisher-process.ts'

/** A publisher in another process. */
export interface Publisher {
  readonly options: PublisherOptions
  /** Fulfilled when it has published everything. */
  readonly ended: Promise<Publication>
  /** Tells it to publish no more, and answers what it has published. */
  end(): Promise<Publication>
}

/** Starts a publisher in a process of its own, which ends with the test at the latest. `within` as for applications. */
export function startPublisher(
  t: Pick<TestContext, 'after'>,
  options: PublisherOptions,
  within: readonly string[] = [],
): Publisher {
  const process = forkScript(t, './publisher-process.js', within)
  process.send(options)
  const told = once(process, 'message') as Promise<[Publication]>
  const exited = once(process, 'exit').then(([code]) => {
    throw new Error(`publisher ${options.publisher} ended with ${code} before it was done`)
  })
  const ended = Promise.race([told.then(([publication]) => publication), exited])
  ended.catch(() => {})
  // Nobody hears of the end that comes with the test's.
  exited.catch(() => {})
  return {
    options,
    ended,
    end: () => {
      process.send('end')
      return ended
    },
  }
}
