import type { SourceState } from '../trace/records.ts'

/** A program that is looked at: the trace that it left, or its inspector. */
export type Source = FileSource | LiveSource

/** A trace file. */
export interface FileSource {
  readonly kind: 'file'
  readonly path: string
  /** What its records are said to be of; undefined if it is the only one. */
  readonly origin: string | undefined
}

/** The inspector of a program that runs. */
export interface LiveSource {
  readonly kind: 'live'
  /** Without a token. */
  readonly url: URL
  readonly token: string | undefined
  readonly origin: string | undefined
}

/** Sources that one page shows at most: each has a connection for every page. */
export const maxSources = 32

/**
 * What the arguments of `threatbus inspect` name: addresses, and files. An address may have its `?token=`; those that have
 * none get `token`, if there is one.
 *
 * @throws {Error} in words, about an address that can't be meant, or too many
 */
export function readSources(args: readonly string[], token: string | undefined): readonly Source[] {
  if (args.length > maxSources) throw new Error(`one page shows ${maxSources} sources at most, not ${args.length}`)
  return args.map((text, place): Source => {
    const origin = args.length === 1 ? undefined : String(place + 1).padStart(2, '0')
    if (!/^https?:\/\//i.test(text)) return { kind: 'file', path: text, origin }
    const url = URL.canParse(text) ? new URL(text) : undefined
    if (url === undefined || url.pathname !== '/' || url.username !== '' || url.password !== '') {
      // It may hold a token: it is not repeated.
      throw new Error(`source ${place + 1} is no address of an inspector, such as http://127.0.0.1:13373`)
    }
    const own = url.searchParams.get('token') ?? undefined
    return { kind: 'live', url: new URL(url.origin), token: own ?? token, origin }
  })
}

/** What people call a source. */
export function nameOf(source: Source): string {
  return source.kind === 'file' ? source.path : source.url.origin
}

/** How it is going with a source at the beginning. */
export function firstState(source: Source): SourceState {
  const { origin = '' } = source
  return { origin, name: nameOf(source), state: source.kind === 'file' ? 'trace' : 'connecting' }
}
