/**
 * subscribers' host — router — broker's host: three network namespaces of Linux, in which packets get lost without a word.
 * They are there as long as a process is in them, so nothing is left behind.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** `ip` and `ss` are where only root looks on Debian. */
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` }

/** A namespace, held by a process that ends with this one. */
export class Host {
  readonly #holder: ChildProcess

  /** Throws if there can't be namespaces here. */
  static async open(t: Pick<TestContext, 'after'>, beside?: Host): Promise<Host> {
    const own = ['unshare', ...(process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']), '--net']
    // Who is not root may do so only among namespaces of the same user namespace.
    const enter = beside === undefined || process.getuid?.() === 0 ? [] : [...beside.#enterUser, 'unshare', '--net']
    const [program = '', ...args] = [
      ...(enter.length > 0 ? enter : own),
      'sh',
      '-c',
      'ip link set lo up && echo up && exec cat',
    ]
    const holder = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env })
    const closed = once(holder, 'close')
    t.after(async () => {
      holder.kill('SIGKILL')
      await closed
    })
    let reason = ''
    holder.stderr.on('data', text => {
      reason += text
    })
    const [said] = await Promise.race([once(holder.stdout, 'data'), closed])
    if (String(said).startsWith('up')) return new Host(holder)
    throw new Error(
      `These tests need network namespaces, which can't be made here: run them as root, or where users may make them (${reason.trim()}).`,
    )
  }

  private constructor(holder: ChildProcess) {
    this.#holder = holder
  }

  get #enterUser(): readonly string[] {
    return ['nsenter', '--target', String(this.#holder.pid), '--user', '--preserve-credentials']
  }

  /** A command that runs what follows it on this host. */
  get within(): readonly string[] {
    const user = process.getuid?.() === 0 ? [] : ['--user', '--preserve-credentials']
    return ['nsenter', '--target', String(this.#holder.pid), ...user, '--net', '--']
  }

  get pid(): number {
    return this.#holder.pid ?? 0
  }

  /** Runs a command on this host, and answers what it prints. */
  async run(command: string): Promise<string> {
    const [program = '', ...args] = [...this.within, 'sh', '-c', command]
    const { stdout } = await run(program, args, { env })
    return stdout
  }
}

/** The broker's address. */
const brokerAddress = '10.0.1.2'
const subscriberAddress = '10.0.2.2'

/** The three hosts. */
export class Network {
  readonly subscribers: Host
  readonly router: Host
  readonly broker: Host
  readonly brokerAddress = brokerAddress

  /** Throws a sentence for people if there can't be namespaces here. */
  static async open(t: Pick<TestContext, 'after'>): Promise<Network> {
    const router = await Host.open(t)
    const [subscribers, broker] = await Promise.all([Host.open(t, router), Host.open(t, router)])
    const network = new Network(subscribers, router, broker)
    await network.#connect(broker, 'broker', '10.0.1', brokerAddress)
    await network.#connect(subscribers, 'subs', '10.0.2', subscriberAddress)
    await router.run('echo 1 > /proc/sys/net/ipv4/ip_forward')
    return network
  }

  private constructor(subscribers: Host, router: Host, broker: Host) {
    this.subscribers = subscribers
    this.router = router
    this.broker = broker
  }

  /** The port of the subscribers' host by which it is connected to a port of the broker's. */
  async portTo(brokerPort: number): Promise<number> {
    const printed = await this.subscribers.run(`ss -Htn state established dport = :${brokerPort}`)
    const ports = [...printed.matchAll(/^\s*\d+\s+\d+\s+\S+:(\d+)\s/gm)].map(([, port]) => Number(port))
    assert.equal(ports.length, 1, `one connection to ${brokerPort}: ${printed}`)
    return ports[0] as number
  }

  /** Packets to and from this port of the subscribers' host are dropped: a NAT forgot the connection. */
  async forget(port: number): Promise<void> {
    await this.router.run(
      `ip rule add pref 1 ipproto tcp sport ${port} blackhole && ip rule add pref 1 ipproto tcp dport ${port} blackhole`,
    )
  }

  /** The subscribers' host gives up its connection to a port of the broker's, which a library notices at once. */
  async giveUp(brokerPort: number): Promise<void> {
    await this.subscribers.run(`ss --kill -Htn state established dport = :${brokerPort}`)
  }

  /** The subscribers' host is gone: nothing passes to or from it. */
  async isolate(): Promise<void> {
    await this.router.run(
      'ip rule add pref 1 from 10.0.2.0/24 blackhole && ip rule add pref 1 to 10.0.2.0/24 blackhole',
    )
  }

  /** Everything passes again. */
  async heal(): Promise<void> {
    await this.router.run('while ip rule del pref 1 2>/dev/null; do :; done')
  }

  /** The subscribers' host has another address now, and none of the old one's packets reach it. */
  async move(address: string): Promise<void> {
    await this.subscribers.run(
      `ip addr flush dev eth0 && ip addr add ${address}/24 dev eth0 && ip route add default via 10.0.2.1`,
    )
  }

  async #connect(host: Host, device: string, net: string, address: string): Promise<void> {
    await this.router.run(
      `ip link add ${device} type veth peer name eth0 netns ${host.pid} &&
       ip addr add ${net}.1/24 dev ${device} && ip link set ${device} up`,
    )
    await host.run(`ip addr add ${address}/24 dev eth0 && ip link set eth0 up && ip route add default via ${net}.1`)
  }
}
