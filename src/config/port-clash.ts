import type { SectionCheck } from './values.ts'

/** What of a configuration says where its HTTP server listens, and where its endpoints do. Single values may be wrong. */
interface Listening {
  readonly inspector?: { readonly enabled?: unknown; readonly host?: unknown; readonly port?: unknown }
  readonly plugins?: { readonly apps?: { readonly zmq?: Readonly<Record<string, unknown>> } }
}

/** The address that `*` stands for: all of IPv4. */
const everyIpv4 = '0.0.0.0'

/** All addresses of this machine: IPv4 as well, unless the system is told otherwise. */
const everyAddress = '::'

/**
 * Is a port that is taken on one of these hosts surely taken on the other? A name or an interface may be any address: then
 * it shows when they listen, and the endpoints come first.
 */
function surelyClash(one: string, other: string): boolean {
  if (one === other || one === everyAddress || other === everyAddress) return true
  const isIpv4 = (host: string) => /^[\d.]+$/.test(host)
  return (one === everyIpv4 && isIpv4(other)) || (other === everyIpv4 && isIpv4(one))
}

function hostOf(value: unknown): string {
  return value === '*' ? everyIpv4 : String(value).toLowerCase()
}

/** The inspector can't listen where one of the broker's endpoints does, unless the system picks the port (0). */
export function besideInspector(endpoint: string): SectionCheck<Listening> {
  const portOf = ({ plugins }: Listening) => plugins?.apps?.zmq?.[endpoint]
  return {
    key: ['inspector', 'port'],
    besides: ['plugins', 'apps', 'zmq', endpoint],
    holds: listening => {
      const { inspector, plugins } = listening
      const port = portOf(listening)
      if (inspector?.enabled !== true || typeof port !== 'number' || port === 0 || port !== inspector.port) return true
      return !surelyClash(hostOf(inspector.host), hostOf(plugins?.apps?.zmq?.host))
    },
    sentence: listening =>
      `inspector.port and plugins.apps.zmq.${endpoint} are the same port, ${portOf(listening)}; each needs its own`,
  }
}
