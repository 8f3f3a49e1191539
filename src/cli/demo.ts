import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { styleText } from 'node:util'
import { pino } from 'pino'
import { startBroker } from '../broker.ts'
import { configWith } from '../config/schema.ts'
import { connect, type Indicator, type Sighting } from '../index.ts'
import { exitCodes } from './exit-codes.ts'

const sampleBundle = new URL('config/sample-bundle.json', import.meta.resolve('threatbus/package.json'))

/**
 * Shows the bus at work and ends by itself: a broker on free ports of this machine, a detection tool that subscribes to
 * indicators, a platform that publishes a sample bundle, and a sighting that goes back. Answers the exit code.
 */
export async function demo(): Promise<number> {
  const say = (who: keyof typeof colours, what: string) => process.stdout.write(`${line(who, what)}\n`)
  const config = configWith({
    plugins: { apps: { zmq: { manage: 0, pub: 0, sub: 0 } } },
    inspector: { enabled: false },
  })
  const broker = startBroker(config, pino({ enabled: false }), undefined)
  const { manage, pub, sub } = await broker.serving
  say('broker', `serves on 127.0.0.1: manage ${manage}, pub ${pub}, sub ${sub}`)

  const platform = connect({ endpoint: `127.0.0.1:${manage}` })
  const tool = connect({ endpoint: `127.0.0.1:${manage}` })
  const sightings = await platform.subscribe('stix2/sighting')
  const indicators = await tool.subscribe('stix2/indicator')
  say('platform', 'subscribed to stix2/sighting')
  say('tool', 'subscribed to stix2/indicator')

  const { objects } = JSON.parse(readFileSync(sampleBundle, 'utf8')) as { objects: { type: string }[] }
  const sample = objects.filter((object): object is Indicator => object.type === 'indicator')
  for (const indicator of sample) await platform.publish(indicator)
  say('platform', `published ${sample.length} indicators of config/sample-bundle.json`)

  let received = 0
  for await (const { object } of indicators) {
    const indicator = object as Indicator
    say('tool', `received ${indicator.name}: ${indicator.pattern}`)
    if (++received === sample.length) {
      await tool.publish(sightingOf(indicator))
      say('tool', `saw "${indicator.name}" on the network and published a sighting`)
      break
    }
  }
  for await (const { object } of sightings) {
    say('platform', `received the sighting of ${(object as Sighting).sighting_of_ref}`)
    break
  }

  await Promise.all([tool.close(), platform.close()])
  broker.stop()
  await broker.stopped
  say('broker', 'stopped. Now run one of your own: npx threatbus')
  return exitCodes.ok
}

/** On a terminal, each of them has a colour (unless it has none, or `NO_COLOR` is set), and what is too long is cut. */
const colours = { broker: 'cyan', platform: 'yellow', tool: 'green' } as const

function line(who: keyof typeof colours, what: string): string {
  const { stdout } = process
  const name = who.padEnd(9)
  if (!stdout.isTTY) return `${name} ${what}`
  const room = stdout.columns - name.length - 1
  // A terminal may not know how wide it is, and say 0.
  const isCut = room > 1 && what.length > room
  const shown = isCut ? `${what.slice(0, room - 1)}…` : what
  return `${stdout.hasColors() ? styleText(colours[who], name) : name} ${shown}`
}

function sightingOf(indicator: Indicator): Sighting {
  const now = new Date().toISOString()
  return {
    type: 'sighting',
    spec_version: '2.1',
    id: `sighting--${randomUUID()}`,
    created: now,
    modified: now,
    last_seen: now,
    count: 1,
    sighting_of_ref: indicator.id,
  }
}
