/** A room of the house and what it may import (ARCHITECTURE "The rooms"). */
export interface Room {
  /** A directory, with its slash, a file, or the beginning of files' paths up to a `*`. */
  readonly path: string
  /** The rule for people. */
  readonly rule: string
  /** What it may import, at run time and for types: written like `path`; packages by name; `*` is anything. */
  readonly mayImport: readonly string[]
  /** What it may import for types beside that. */
  readonly mayImportTypesOf?: readonly string[]
  /** Is it built into one file with all that it imports? Then packages are needed for the build only. */
  readonly isBuilt?: true
}

const vocabulary = 'machines/vocabulary*'

/** What the rooms of the history have in common: their errors, and how changes are written in groups. */
const sharedOfHistory = ['src/history/history-error.ts', 'src/history/reason.ts', 'src/history/group-writer.ts']

/** The rooms. The first that a file's path fits is its room; what is in no room has no place in the house. */
export const rooms: readonly Room[] = [
  {
    path: vocabulary,
    rule: 'the vocabulary holds types only, made of those of xstate, of other vocabulary, and of charts that are invoked',
    mayImport: [],
    mayImportTypesOf: ['xstate', 'machines/'],
  },
  {
    path: 'machines/',
    rule: 'a chart imports only xstate and the vocabulary',
    mayImport: ['xstate', vocabulary],
  },
  {
    path: 'src/protocol/',
    rule: 'the protocol is pure: it imports itself, node:buffer and node:crypto, and types of the vocabulary',
    mayImport: ['src/protocol/', 'node:buffer', 'node:crypto'],
    mayImportTypesOf: [vocabulary],
  },
  {
    path: 'src/turns/',
    rule: 'how everybody has a turn imports nothing',
    mayImport: ['src/turns/'],
  },
  {
    path: 'src/threads/',
    rule: 'threads import what Node has for them and for the system that runs them',
    mayImport: ['src/threads/', 'node:worker_threads', 'node:fs', 'node:os', 'node:path'],
  },
  {
    path: 'src/delivery/',
    rule: 'the delivery is pure: it imports itself, the protocol and how everybody has a turn, and types of the vocabulary',
    mayImport: ['src/delivery/', 'src/protocol/', 'src/turns/'],
    mayImportTypesOf: [vocabulary],
  },
  {
    path: 'src/checking/',
    rule: 'the checking of large messages imports the protocol and threads, and what lets others go before a thread',
    mayImport: ['src/checking/', 'src/protocol/', 'src/threads/', 'node:worker_threads'],
  },
  {
    path: 'src/sockets/',
    rule: 'sockets import zeromq and the protocol, how everybody has a turn, what Node has for sockets, events and time, and for files, which is how Linux tells of connections, and types of vocabulary, delivery and configuration',
    mayImport: [
      ...['src/sockets/', 'src/protocol/', 'src/turns/', 'zeromq'],
      ...['node:net', 'node:os', 'node:events', 'node:timers*', 'node:fs*'],
    ],
    mayImportTypesOf: [vocabulary, 'src/delivery/', 'src/config/'],
  },
  {
    path: 'src/history/log/',
    rule: 'the files of the log import itself, the protocol, what is counted of messages, and what Node has for files, checksums and time, and types of delivery',
    mayImport: [
      ...['src/history/log/', ...sharedOfHistory, 'src/protocol/', 'src/delivery/counted.ts'],
      ...['node:fs*', 'node:path', 'node:zlib', 'node:crypto', 'node:timers*'],
    ],
    mayImportTypesOf: ['src/delivery/'],
  },
  {
    path: 'src/history/selection/',
    rule: 'the selection imports the files of the log, which it reads, the protocol, threads, and checksums and how sets of messages are kept, and types of delivery',
    mayImport: [
      ...['src/history/selection/', 'src/history/log/', ...sharedOfHistory, 'src/protocol/', 'src/threads/'],
      ...['src/delivery/bits.ts', 'node:crypto', 'node:worker_threads'],
    ],
    mayImportTypesOf: ['src/delivery/'],
  },
  {
    path: 'src/history/subscriptions/',
    rule: 'the journal of subscriptions imports the protocol and zod, and what Node has for files and checksums, and types of delivery',
    mayImport: [
      ...['src/history/subscriptions/', ...sharedOfHistory, 'src/protocol/', 'zod'],
      ...['node:fs*', 'node:path', 'node:zlib'],
    ],
    mayImportTypesOf: ['src/delivery/'],
  },
  {
    path: 'src/history/lock/',
    rule: 'the lock of the directory, by whose socket the operator is answered, imports zod, and what Node has for files, sockets and time',
    mayImport: [
      ...['src/history/lock/', ...sharedOfHistory, 'zod'],
      ...['node:fs*', 'node:path', 'node:net', 'node:timers*', 'node:events', 'node:os', 'node:crypto'],
    ],
  },
  {
    path: 'src/history/',
    rule: 'the history imports its rooms, the protocol, and what Node has for files and time, and types of delivery, configuration and pino',
    mayImport: ['src/history/', 'src/protocol/', 'node:fs*', 'node:path', 'node:timers*'],
    mayImportTypesOf: ['src/delivery/', 'src/config/', 'pino'],
  },
  {
    path: 'src/backbone/',
    rule: 'a backbone imports its client library (name it here) and the protocol, and types of the delivery',
    mayImport: ['src/backbone/', 'src/protocol/'],
    mayImportTypesOf: ['src/delivery/'],
  },
  {
    path: 'src/actors/',
    rule: 'actors import machines, protocol, delivery, what is large, how everybody has a turn, and xstate, and do no I/O: sockets, stores, checking, log and configuration are injected, of which they import types only',
    mayImport: [
      ...['src/actors/', 'machines/', 'src/protocol/', 'src/delivery/', 'src/checking/large-part.ts', 'src/turns/'],
      ...['xstate', 'node:crypto'],
    ],
    mayImportTypesOf: [
      ...['src/sockets/', 'src/checking/', 'src/backbone/', 'src/history/', 'src/observe/', 'src/config/'],
    ],
  },
  {
    path: 'src/observe/observation.ts',
    rule: 'what starts all that shows a broker imports observers, the inspector and addresses, and types of what is shown',
    mayImport: ['src/observe/', 'src/inspector/', 'src/sockets/address.ts'],
    mayImportTypesOf: ['machines/', 'src/actors/', 'src/delivery/', 'src/sockets/', 'src/config/', 'pino', 'xstate'],
  },
  {
    path: 'src/observe/',
    rule: 'observers import pino, pino-pretty, prom-client, the protocol and node:, how configuration prints what strangers wrote, why connections are ended, how work is done in slices, and types of xstate, vocabulary, configuration, and what they read: checking, delivery, history, sockets and actors',
    mayImport: [
      ...['src/observe/', 'src/protocol/', 'src/config/printable.ts', 'src/sockets/zmtp/break-reason.ts', 'node:*'],
      ...['src/turns/slices.ts', 'pino', 'pino-pretty', 'prom-client'],
    ],
    mayImportTypesOf: [
      'xstate',
      vocabulary,
      'src/config/',
      'src/checking/',
      'src/delivery/',
      'src/history/',
      'src/sockets/',
      'src/actors/',
    ],
  },
  {
    path: 'src/inspector/page/',
    rule: 'the page runs in a browser: it imports itself, the story, what runs anywhere of trace and protocol, and what is built into it',
    mayImport: [
      ...[
        'src/inspector/page/',
        'src/inspector/story/',
        'src/inspector/trace/definition.ts',
        'src/inspector/trace/saved-page.ts',
        'src/protocol/refusal.ts',
      ],
      ...['preact', '@preact/signals', 'elkjs', 'uplot'],
    ],
    mayImportTypesOf: ['src/inspector/trace/'],
    isBuilt: true,
  },
  {
    path: 'src/inspector/story/',
    rule: 'the story of a trace is pure, for it runs in a browser: it imports itself, the records, and the words of refusals',
    mayImport: ['src/inspector/story/', 'src/inspector/trace/records.ts', 'src/protocol/refusal.ts'],
    mayImportTypesOf: ['src/inspector/trace/'],
  },
  {
    path: 'src/inspector/',
    rule: 'the inspector imports the HTTP server, how work is sliced, the protocol and node:, and types of xstate and of what it looks at',
    mayImport: ['src/inspector/', 'src/observe/http/', 'src/turns/slices.ts', 'src/protocol/', 'node:*'],
    mayImportTypesOf: ['xstate', 'src/actors/', 'src/delivery/'],
  },
  {
    path: 'src/config/',
    rule: 'the configuration imports yaml, zod, node:fs and node:path, and what is unprintable',
    mayImport: ['src/config/', 'src/protocol/unprintable.ts', 'yaml', 'zod', 'node:fs*', 'node:path'],
  },
  {
    path: 'src/client/inspection.ts',
    rule: "what shows a client imports the inspector, the HTTP server and the program's version; it is loaded when it is asked for",
    mayImport: [
      ...['src/inspector/', 'src/observe/http/', 'src/observe/version.ts', 'src/client/options.ts', 'node:path'],
    ],
  },
  {
    path: 'src/client/',
    rule: 'the client imports sockets, machines, protocol, xstate, node:events and node:timers, files for where durable subscriptions are, when a server is exposed, and the types that make a chart complete and that are looked at',
    mayImport: [
      ...['src/client/', 'src/sockets/', 'machines/', 'src/protocol/', 'src/config/exposure.ts', 'xstate'],
      ...['node:events', 'node:timers*', 'node:fs/promises', 'node:path'],
    ],
    mayImportTypesOf: ['src/actors/complete.ts', 'src/inspector/client-inspection.ts'],
  },
  {
    path: 'src/connector/',
    rule: 'the VAST connector is an application: it imports the client, machines, protocol, configuration, observers, the inspector, p-queue, zod, xstate and node:, types of pino, and the type that makes a chart complete',
    mayImport: [
      ...['src/connector/', 'src/client/', 'machines/', 'src/protocol/', 'src/config/', 'src/observe/'],
      ...['src/inspector/', 'p-queue', 'zod', 'xstate', 'node:*'],
    ],
    mayImportTypesOf: ['src/actors/complete.ts', 'pino'],
  },
  {
    path: 'src/index.ts',
    rule: 'the public entry shows the client library and the types of the protocol and the vocabulary',
    mayImport: ['src/client/'],
    mayImportTypesOf: ['src/protocol/', vocabulary],
  },
  {
    path: 'src/broker.ts',
    rule: 'the composition root imports the rooms of the broker, xstate, node:, and types of pino and the vocabulary; no command',
    mayImport: [
      ...['src/checking/', 'src/delivery/', 'src/turns/', 'src/sockets/', 'src/backbone/', 'src/actors/'],
      ...['src/history/', 'src/observe/', 'src/inspector/', 'src/config/', 'xstate', 'node:*'],
    ],
    mayImportTypesOf: ['pino', vocabulary],
  },
  {
    path: 'src/cli/',
    rule: 'commands import everything but zeromq, which belongs to the sockets, and tests',
    mayImport: [
      ...['src/', 'machines/', 'node:*', 'cli-progress', 'commander', 'pino', 'pino-pretty', 'xstate', 'yaml', 'zod'],
    ],
  },
  {
    path: 'test/delivery/checker.ts',
    rule: 'who checks what subscribers received knows nothing of how it was sent: it imports nothing',
    mayImport: [],
  },
  { path: 'test/', rule: 'tests import everything', mayImport: ['*'] },
  { path: '.tools/', rule: 'what builds the house imports everything', mayImport: ['*'] },
]

/** Is a file of the house one that is not run where the package is installed? */
export function isForDevelopers(path: string): boolean {
  return path.startsWith('test/') || path.startsWith('.tools/')
}

/** The room of a file. */
export function roomOf(path: string): Room | undefined {
  return rooms.find(room => fits(path, room.path))
}

/** Does a path or name fit what the table says? */
export function fits(target: string, pattern: string): boolean {
  if (pattern.endsWith('*')) return target.startsWith(pattern.slice(0, -1))
  return pattern.endsWith('/') ? target.startsWith(pattern) : target === pattern
}
