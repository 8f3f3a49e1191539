import { Command, InvalidArgumentError } from 'commander'
import { runSchedule } from '../delivery/schedule.ts'
import { compareSequences } from '../sockets/differential/sequences.ts'
import { killLoop } from '../system/kill-loop.ts'
import { attacks } from './attacks/attacks.ts'
import { siege } from './attacks/siege.ts'
import { lag } from './lag.ts'
import { largeJournal } from './large-journal.ts'
import { replaySnapshot } from './replay-snapshot.ts'
import { restart } from './restart.ts'

/*
 * What takes minutes and proves that nothing is lost: `npm run endurance -- kills`; or that a protocol is kept to. Each command
 * prints what it found, and ends with an error if something was lost, or was not as it has to be.
 */

const cleanUps: (() => unknown)[] = []
const session = { after: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) }
const print = (result: object) => void process.stdout.write(`${JSON.stringify(result, undefined, 2)}\n`)

const program = new Command('npm run endurance --').description('Prove in minutes what tests prove in seconds.')
program
  .command('kills')
  .description('Kill the broker again and again under load, with a slow, a coming and going, and snapshot subscribers.')
  .option('--rounds <number>', 'how often', positive, 50)
  .action(async ({ rounds }) => print(await killLoop(session as Parameters<typeof killLoop>[0], rounds)))
program
  .command('crashes')
  .description(
    'Kill the broker again and again, and check of every kind of subscriber what it received, and how often.',
  )
  .option('--rounds <number>', 'how often', positive, 50)
  .option('--seed <number>', 'the same again', positive, anySeed())
  .action(async ({ rounds, seed }) => {
    print(await runSchedule(session, { seed, steps: rounds, ofEachKind: 5, accidents: ['killBroker'] }))
  })
program
  .command('accidents')
  .description('Broken, half-open and slow connections, slow readers and kills, in orders that seeds decide.')
  .option('--schedules <number>', 'how many', positive, 20)
  .option('--steps <number>', 'accidents in each', positive, 40)
  .option('--seed <number>', 'of the first; each further one has the next', positive, anySeed())
  .action(async ({ schedules, steps, seed }) => {
    for (let each = 0; each < schedules; each++) {
      print(await runSchedule(session, { seed: seed + each, steps, ofEachKind: 5 }))
      await cleanUp()
    }
  })
program
  .command('lag')
  .description('One subscriber reads nothing while another reads at full speed; then it reads all, from disk.')
  .option('--messages <number>', 'how many messages, of 1 kB', positive, 1_000_000)
  .action(async ({ messages }) => print(await lag(messages)))
program
  .command('snapshot')
  .description('Replay a snapshot while messages keep arriving, and watch the latency of another subscriber.')
  .option('--objects <number>', 'how many objects', positive, 200_000)
  .option('--rate <number>', 'messages a second meanwhile', positive, 2000)
  .action(async ({ objects, rate }) => print(await replaySnapshot(objects, rate)))
program
  .command('restart')
  .description('Start with many stored subscriptions and a long log.')
  .option('--subscriptions <number>', 'how many subscriptions', positive, 10_000)
  .option('--messages <number>', 'how many messages', positive, 5_000_000)
  .action(async ({ subscriptions, messages }) => print(await restart(subscriptions, messages)))
program
  .command('journal')
  .description('Open a journal of subscriptions that is larger than can be read in one piece.')
  .option('--bytes <number>', 'how large it is; it takes no room on the disk', positive, 4_000_000_000)
  .action(async ({ bytes }) => print(await largeJournal(bytes)))
program
  .command('differential')
  .description(
    "Random peers at the broker's endpoints and at libzmq's sockets: they do the same, but for what is listed.",
  )
  .option('--sequences <number>', 'how many peers', positive, 10_000)
  .option('--seed <number>', 'of a run that is to be repeated', positive, 1 + (Date.now() % 2 ** 31))
  .action(async ({ sequences, seed }) => {
    print({ sequences, seed })
    print(await compareSequences({ sequences, seed }))
  })
const names = attacks.map(({ name }) => name)
program
  .command('attacks')
  .description('What strangers do, each alone and then all at once, beside ten subscribers who do nothing to anybody.')
  .argument('[name...]', `only these, at once: ${names.join(', ')}`, oneOf(names))
  .option('--connections <number>', 'that each of them has at once', positive, 30)
  .option('--seconds <number>', 'that they last', positive, 30)
  .action(async (only: readonly string[], { connections, seconds }) => {
    const sieges = only.length > 0 ? [only] : [...names.map(name => [name]), names]
    const complaints: string[] = []
    for (const each of sieges) {
      const outcome = await siege(session, each, { connections, seconds })
      print(outcome)
      complaints.push(...outcome.complaints.map(complaint => `${each.join(' + ')}: ${complaint}`))
      await cleanUp()
    }
    if (complaints.length > 0) throw new Error(complaints.join('\n'))
  })

try {
  await program.parseAsync()
} finally {
  await cleanUp()
}
process.exit()

async function cleanUp(): Promise<void> {
  for (const each of cleanUps.splice(0)) await each()
}

function oneOf(choices: readonly string[]) {
  return (text: string, before: readonly string[] = []): readonly string[] => {
    if (choices.includes(text)) return [...before, text]
    throw new InvalidArgumentError(`It must be one of ${choices.join(', ')}.`)
  }
}

function anySeed(): number {
  return 1 + Math.floor(Math.random() * 1_000_000_000)
}

function positive(text: string): number {
  if (/^[1-9]\d{0,9}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('It must be a whole number above 0.')
}
