import { addressOf, readPort } from '../client/endpoint.ts'
import { BusUnavailableError } from '../client/errors.ts'
import type { Config } from '../config/schema.ts'
import { batchOf } from '../delivery/batch.ts'
import { HistoryError } from '../history/history-error.ts'
import { acquireLock, describeOwner, ownerInWords } from '../history/lock.ts'
import type { OwnerDescription } from '../history/owner.ts'
import { SegmentedStore } from '../history/segmented-store.ts'
import { decodeBody } from '../protocol/body.ts'
import { decodeUtf8, isJsonObject, parseJson } from '../protocol/json.ts'
import type { Message } from '../protocol/message.ts'
import { deepestNesting, nestsDeeperThan } from '../protocol/stix/nesting.ts'
import { request } from '../sockets/client/request.ts'
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

/** Where imported objects go. */
export interface ImportTarget {
  /** Is it a broker that uses the history, which delivers them, or the history itself? */
  readonly isBroker: boolean
  /**
   * Takes a list of objects' texts, all of them or none. Fulfilled when they are on disk.
   *
   * @throws HistoryError or BusUnavailableError if it can't
   */
  take(texts: readonly string[]): Promise<RefusedElement | undefined>
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
  return {
    isBroker: true,
    take: async texts => {
      // The broker would not say which one it is.
      const tooDeep = texts.findIndex(text => nestsDeeperThan(deepestNesting - requestLevels, parseJson(text)))
      if (tooDeep >= 0) return { index: tooDeep, reason: 'it is nested too deep for a request to the broker' }
      const text = `{"action":"publish","topic":"stix2/","message":[${texts.join()}]}`
      const parts = await request(addressOf(endpoint), text, { timeoutMs: patienceMs, signals: [signal] })
      const where = `${endpoint.host} port ${endpoint.port}`
      if (parts === undefined) {
        const unknown = `whether the last ${texts.length} objects were published is not known`
        throw new BusUnavailableError(`no answer from ${where} within ${patienceMs} ms; ${unknown}`)
      }
      const reply = parseJson(decodeUtf8(Buffer.concat(parts)) ?? '')
      const { status, reason, index } = isJsonObject(reply) ? reply : {}
      if (status === 'success') return undefined
      const because = typeof reason === 'string' ? reason : 'its reply is not intelligible'
      if (typeof index !== 'number' || texts[index] === undefined) {
        throw new BusUnavailableError(`the broker at ${where} does not take it: ${because}`)
      }
      return { index, reason: because.replace(/^message \d+ was refused \(\w+\): /, '') }
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
    const store = await SegmentedStore.open(
      directory,
      {
        retentionDays: history.retention_days,
        maxBytes: history.max_bytes,
        maxUnwrittenBytes: history.max_unwritten_bytes,
      },
      {
        written: () => {},
        failing: () => {},
        recovered: () => {},
        damaged: (path, bytes) => say(`${path}: ${bytes} bytes are damaged and passed over`),
      },
    )
    return {
      isBroker: false,
      take: async texts => {
        const messages: Message[] = []
        for (const [index, text] of texts.entries()) {
          const message = decodeBody(text, validation)
          if ('refused' in message) return { index, reason: message.detail }
          messages.push(message)
        }
        store.append({ ...batchOf(messages), first: store.next, acceptedMs: Date.now() })
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
