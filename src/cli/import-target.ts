import { readPort } from '../client/endpoint.ts'
import { BusUnavailableError } from '../client/errors.ts'
import { Requests } from '../client/requests.ts'
import type { Config } from '../config/schema.ts'
import { batchOf } from '../delivery/batch.ts'
import { storeSettings } from '../history/history.ts'
import { HistoryError } from '../history/history-error.ts'
import { acquireLock, describeOwner, ownerInWords } from '../history/lock/lock.ts'
import type { OwnerDescription } from '../history/lock/owner.ts'
import { SegmentedStore } from '../history/segmented-store.ts'
import { decodeBody } from '../protocol/body.ts'
import { parseJson } from '../protocol/json.ts'
import type { Message } from '../protocol/message.ts'
import { counted } from '../protocol/quantities.ts'
import { deepestNesting, nestsDeeperThan } from '../protocol/stix/nesting.ts'
import { say } from './bus-options.ts'

/** How long a broker may take for a list of messages, with its disk. */
const patienceMs = 30_000

/** How much deeper an object is in a request to publish it. */
const requestLevels = 2

/** What a target does not take: which of the list, and why. Then it has taken nothing of the list. */
export interface RefusedElement {
  readonly index: number
  readonly reason: string
}

/** An object that is imported. */
export interface ImportedObject {
  readonly text: string
  /** When it was accepted, in milliseconds since the epoch; undefined: now. A broker takes no times. */
  readonly acceptedMs?: number | undefined
}

/** Where imported objects go. */
export interface ImportTarget {
  /** Is it a broker that uses the history, which delivers them, or the history itself? */
  readonly isBroker: boolean
  /** Objects whose times would have gone back behind those of others, or were still to come. */
  readonly movedTimes: number
  /**
   * Takes a list of objects, all of them or none. Fulfilled when they are on disk.
   *
   * @throws HistoryError or BusUnavailableError if it can't
   */
  take(objects: readonly ImportedObject[]): Promise<RefusedElement | undefined>
  /** To be called in the end. Never rejects. */
  close(): Promise<void>
}

/**
 * Finds out where objects for a history have to go: to the broker that uses it, or to its log, which is made if it isn't
 * there; no broker can use it then until the target is closed.
 *
 * @throws HistoryError if it can be neither
 */
export async function openImportTarget(directory: string, config: Config, signal: AbortSignal): Promise<ImportTarget> {
  const owner = await describeOwner(directory)
  return owner === undefined ? openLog(directory, config) : brokerAt(directory, owner, signal)
}

function brokerAt(directory: string, owner: OwnerDescription, signal: AbortSignal): ImportTarget {
  const endpoint = endpointIn(owner.details?.manage)
  if (endpoint === undefined) {
    const who = ownerInWords(owner)
    throw new HistoryError(`the history in ${directory} is in use (${who}), and nothing can be published there`)
  }
  const requests = new Requests(endpoint)
  return {
    isBroker: true,
    movedTimes: 0,
    take: async objects => {
      const texts = objects.map(({ text }) => text)
      // The broker would not say which one it is.
      const tooDeep = texts.findIndex(text => nestsDeeperThan(deepestNesting - requestLevels, parseJson(text)))
      if (tooDeep >= 0) return { index: tooDeep, reason: 'it is nested too deep for a request to the broker' }
      const answer = await requests.publish(texts, { timeoutMs: patienceMs, signals: [signal] }).catch(error => {
        if (!(error instanceof BusUnavailableError)) throw error
        const unknown = `whether the last ${counted(texts.length, 'object')} got there is not known`
        throw new BusUnavailableError(`${error.message}; ${unknown}`)
      })
      if (answer.answer === 'stored') return undefined
      if (answer.answer === 'refused') {
        return { index: answer.index, reason: answer.reason.replace(/^message \d+ was refused \(\w+\): /, '') }
      }
      const because = answer.answer === 'unable' ? answer.reason : 'it acknowledges nothing'
      throw new BusUnavailableError(`the broker at ${endpoint.host} port ${endpoint.port} does not take it: ${because}`)
    },
    close: async () => {},
  }
}

/** Where a broker says that it answers: a host, which may be an IPv6 address without brackets, and a port. */
function endpointIn(manage: unknown): { readonly host: string; readonly port: number } | undefined {
  const [, bracketed, plain, digits] = /^(?:\[(.+)\]|(.+)):(\d+)$/.exec(String(manage)) ?? []
  const host = bracketed ?? plain
  const port = readPort(digits)
  return host === undefined || port === undefined ? undefined : { host, port }
}

async function openLog(directory: string, { history, validation }: Config): Promise<ImportTarget> {
  const lock = await acquireLock(directory, { command: 'threatbus history import' })
  try {
    const settings = { ...storeSettings(history), keepsTimes: true }
    const store = await SegmentedStore.open(directory, settings, {
      written: () => {},
      failing: () => {},
      recovered: () => {},
      damaged: (path, bytes) => say(`${path} is damaged: ${counted(bytes, 'byte')} passed over`),
      ageingHeld: () => {},
      setAside: path => say(`${path}: nothing in this file can be read; it is no part of the history any more`),
    })
    let { newestMs } = store
    let movedTimes = 0
    return {
      isBroker: false,
      get movedTimes() {
        return movedTimes
      },
      take: async objects => {
        const messages: Message[] = []
        for (const [index, { text }] of objects.entries()) {
          const message = decodeBody(text, { validation })
          if ('refused' in message) return { index, reason: message.detail }
          messages.push(message)
        }
        const nowMs = Date.now()
        for (let from = 0, to = 0; from < messages.length; from = to) {
          // What is in a segment is older than the next one: times never go back, and none is still to come.
          const timeOf = (at: number) => Math.max(newestMs, Math.min(objects[at]?.acceptedMs ?? nowMs, nowMs))
          const acceptedMs = timeOf(from)
          newestMs = acceptedMs
          for (; to < messages.length && timeOf(to) === acceptedMs; to++) {
            if ((objects[to]?.acceptedMs ?? acceptedMs) !== acceptedMs) movedTimes++
          }
          store.append({ ...batchOf(messages.slice(from, to)), first: store.next, acceptedMs })
        }
        await store.committed().catch(error => {
          throw new HistoryError(`the history in ${directory} can't be written: ${error.message}`, { cause: error })
        })
        return undefined
      },
      close: async () => {
        await store.close()
        await lock.release()
      },
    }
  } catch (error) {
    await lock.release()
    throw error
  }
}
