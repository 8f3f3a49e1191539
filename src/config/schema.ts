import type * as z from 'zod'
import { type InMs, inMs } from './durations.ts'
import { inspectorSection } from './inspector.ts'
import { loggingSection } from './logging.ts'
import { besideInspector } from './port-clash.ts'
import {
  bytes,
  count,
  fileName,
  flag,
  host,
  listenHost,
  oneOf,
  openSection,
  port,
  type SectionCheck,
  seconds,
  section,
  wholeSeconds,
} from './values.ts'

const noSuchPlugin = 'this broker has no such plugin; the section is ignored'

/** Two endpoints can't listen on one port, unless the system picks the ports (0). */
function differentPorts<Key extends string>(besides: Key, key: Key): SectionCheck<Record<Key, unknown>> {
  return {
    key,
    besides,
    holds: ports => typeof ports[key] !== 'number' || ports[key] === 0 || ports[key] !== ports[besides],
    sentence: ports => `${key} and ${besides} are the same port, ${ports[key]}; each endpoint needs its own`,
  }
}

const zmq = section(
  {
    host: listenHost().default('127.0.0.1').describe('The address to listen on; "*" is every address of this machine.'),
    manage: port().default(13370).describe('Port for management requests. 0 lets the system pick one.'),
    pub: port().default(13371).describe('Port on which subscribers receive. 0 lets the system pick one.'),
    sub: port().default(13372).describe('Port to which applications publish. 0 lets the system pick one.'),
    reply_ports: oneOf(['string', 'number'])
      .default('string')
      .describe('How the subscribe reply writes pub_port and sub_port; `number` is for clients that insist.'),
    advertise: host()
      .optional()
      .describe('The host that pub_endpoint and sub_endpoint of the subscribe reply name. Unset, they are left out.'),
    max_message_size: bytes(1024, 268_435_456)
      .default(16_777_216)
      .describe('Bytes that one frame may have. A larger one closes the connection it came by.'),
    bind_retry: seconds(0)
      .default(0)
      .describe('Seconds to go on trying at start-up while an address is taken. 0 fails at once.'),
    max_connections: count(1, 1_000_000)
      .default(20_000)
      .describe('Connections that each of the three ports may have. For one more, who has done nothing yet gives way.'),
    max_connections_per_subscriber: count(1, 1000)
      .default(4)
      .describe('Connections that may join one p2p topic. One more ends the one that has taken nothing for longest.'),
    handshake_timeout: seconds()
      .default(10)
      .describe('Seconds that a connection may take to say what it is, or it is closed.'),
    message_timeout: seconds()
      .default(60)
      .describe('Seconds in which a message that has begun has to end, or to come on by 64 KiB.'),
    max_peer_bytes: bytes(4096, 68_719_476_736)
      .default(67_108_864)
      .describe(
        'Bytes that connections may hold together of messages that have not come whole, and of prefixes. At least four messages.',
      ),
    send_buffer_size: bytes(4096, 16_777_216)
      .default(131_072)
      .describe('Bytes that the broker holds for a connection before its subscriber waits in its own queue.'),
    acknowledgement_window: bytes(131_072, 1_073_741_824)
      .default(1_048_576)
      .describe('Bytes that may be on their way to a subscriber whose library acknowledges what has arrived.'),
    network_buffer_size: bytes(0, 1_073_741_824)
      .default(8_388_608)
      .describe('Bytes that the systems at both ends may hold for a connection whose peer does not acknowledge.'),
    tcp_keepalive: wholeSeconds(1, 32_767)
      .default(60)
      .describe('Seconds of silence until the system asks whether the other end of a connection is still there.'),
  },
  [differentPorts('manage', 'pub'), differentPorts('manage', 'sub'), differentPorts('pub', 'sub')],
).describe('The three ZeroMQ endpoints that applications talk to.')

const plugins = section({
  backbones: openSection(
    { inmem: section({}).describe('Messages stay in this process. It has no settings.') },
    noSuchPlugin,
  ).describe('What carries messages from those who publish to those who subscribed.'),
  apps: openSection({ zmq }, noSuchPlugin).describe('How applications reach the bus.'),
}).describe(
  "The original's plugins. Sections of those that this broker doesn't have are named in a warning and ignored.",
)

const heartbeat = section({
  timeout: seconds()
    .default(30)
    .describe('Seconds without a heartbeat until a subscriber that once sent one is stale: its queue keeps.'),
}).describe('Heartbeats of subscribers; those that never send one are not judged by them.')

const queue = section({
  max_messages: count(1, 10_000_000)
    .default(100_000)
    .describe('Messages that a subscriber may lag behind while there is no history. Beyond, `when_full` decides.'),
  max_bytes: bytes(1024, 68_719_476_736)
    .default(67_108_864)
    .describe('Bytes of messages that a subscriber may lag behind while there is no history.'),
  when_full: oneOf(['drop_oldest'])
    .default('drop_oldest')
    .describe('What makes room: `drop_oldest` drops what has waited longest; it is counted for who lagged behind it.'),
}).describe('What waits for subscribers when `history.enabled` is false. With a history nothing is dropped.')

const history = section({
  enabled: flag()
    .default(true)
    .describe('Keep a log of all messages and of subscriptions on disk. Without it a restart forgets everything.'),
  path: fileName()
    .default('threatbus-history')
    .describe(
      'The directory of the history, relative to that of the configuration file. One broker has one of its own.',
    ),
  durability: oneOf(['background', 'committed'])
    .default('background')
    .describe('Whether a message may be delivered before it is on disk (`background`), or not (`committed`).'),
  retention_days: count(1, 36_500).default(30).describe('Days that messages are kept.'),
  max_bytes: bytes(16_777_216, 1_125_899_906_842_624)
    .default(4_294_967_296)
    .describe('Bytes of messages that are kept. Beyond, the oldest are deleted, whoever still waits for them.'),
  recent_bytes: bytes(65_536, 68_719_476_736)
    .default(1_048_576)
    .describe('Bytes of the newest messages that are in memory. Subscribers that lag further are fed from disk.'),
  max_unwritten_bytes: bytes(1_048_576, 68_719_476_736)
    .default(33_554_432)
    .describe(
      'Bytes that may wait to be written. Beyond, publishers are held up; while the disk fails, the oldest are lost.',
    ),
  max_pages: count(1, 10_000)
    .default(32)
    .describe('Pages of 256 KiB that subscribers who lag behind may have in memory at once. Beyond, they take turns.'),
  page_cache_bytes: bytes(0, 68_719_476_736)
    .default(1_048_576)
    .describe('Bytes of such pages that are kept for others who lag behind as far.'),
}).describe('The log on disk: from it everyone is served who is late, slow, away, or comes back after a restart.')

const snapshot = section({
  answer_timeout: seconds().default(3600).describe('Seconds until a snapshot that nobody has answered is given up.'),
  quiet_timeout: seconds()
    .default(600)
    .describe('Seconds without a further envelope until a snapshot counts as complete.'),
  max_open: count(1, 1_000_000)
    .default(1000)
    .describe(
      'Snapshots that may be gathered at once. Beyond, the oldest of the address that has most is given up, and the log says so.',
    ),
  max_requests_per_second: count(1, 10_000_000)
    .default(10_000)
    .describe(
      'Frames in which applications are asked for snapshots, over all of them. Beyond, snapshots wait for their turn, by address.',
    ),
  max_merged: count(1, 100_000_000)
    .default(1_000_000)
    .describe(
      'Objects remembered, over all snapshots, to merge the answers of several applications. Beyond, one may arrive twice.',
    ),
  page_pause: seconds(0, 10)
    .default(0.04)
    .describe('Seconds between two pages (256 KiB) of a snapshot from the history: what is live has the right of way.'),
  max_selections: count(1, 10_000)
    .default(64)
    .describe(
      'Ranges of the history of which it is remembered what belongs to snapshots of them. Beyond, further ones wait for their turn.',
    ),
  max_per_address: count(1, 100_000)
    .default(64)
    .describe('Snapshots of one address that are sent a page between two pauses. Beyond, they take turns.'),
}).describe('Snapshots: what a new subscriber asks of the others (the past so many days).')

const keys = {
  logging: loggingSection('threatbus.log'),
  plugins,
  validation: oneOf(['lenient', 'strict', 'off'])
    .default('lenient')
    .describe(
      'What a message must be: `lenient` what the original takes, `strict` STIX 2.1 to the letter, `off` a JSON object of the right type.',
    ),
  stix20: oneOf(['refuse', 'upgrade'])
    .default('refuse')
    .describe(
      'Indicators and sightings of STIX 2.0: `refuse`, or `upgrade` them to STIX 2.1. `validation: off` takes them as they are.',
    ),
  max_subscribers: count(1, 1_000_000)
    .default(10_000)
    .describe(
      'Subscriptions that may exist at once, stale ones included. Beyond, who never joined gives way; else subscribing is refused.',
    ),
  max_subscribers_per_address: count(1, 1_000_000)
    .optional()
    .describe('Of these, those from one address. Unset, it is half of max_subscribers, and 1000 at least.'),
  subscribe_rate: count(1, 1_000_000)
    .default(100)
    .describe('Subscriptions a second that one address may open in the long run, and ten times as many all together.'),
  max_topics: count(1, 10_000)
    .default(100)
    .describe('Topics that one subscription may have. One with more is refused.'),
  join_timeout: seconds()
    .default(60)
    .describe(
      'Seconds after the subscribe reply until a subscriber that never joined on `pub` is stale; a connection there that joined nothing is closed.',
    ),
  heartbeat,
  evict_after: seconds()
    .default(86_400)
    .describe('Seconds that a subscriber may be stale until it is unsubscribed and its queue is dropped.'),
  max_publish: count(1, 1_000_000)
    .default(10_000)
    .describe('Messages that one publish request may have. One with more is refused.'),
  max_message_values: count(65_536, 10_000_000)
    .default(100_000)
    .describe('Values that one message may have, with the names of their members. One with more is refused.'),
  max_unchecked_bytes: bytes(65_536, 68_719_476_736)
    .default(41_943_040)
    .describe('Bytes of messages of 64 KiB or more that may wait to be checked. Beyond, the last one is refused.'),
  history,
  queue,
  snapshot,
  inspector: inspectorSection('broker', 13373),
  shutdown_timeout: seconds(0)
    .default(5)
    .describe('Seconds that queued messages may take to leave once the broker was told to end. Then it ends anyway.'),
}

/** The broker's configuration: every key with its default, its range and what it is for. */
export const configSchema = section(keys, [besideInspector('manage'), besideInspector('pub'), besideInspector('sub')])

/** The broker's configuration as it is written. Durations are in seconds, sizes in bytes. */
export type WrittenConfig = z.output<typeof configSchema>

/** The broker's configuration. Durations are in milliseconds, sizes in bytes. */
export type Config = InMs<WrittenConfig>

/** The configuration with these settings over the defaults, by the keys and in the units of the file. Throws if they are wrong. */
export function configWith(settings: z.input<typeof configSchema> = {}): Config {
  return inMs(configSchema, configSchema.parse(settings))
}
