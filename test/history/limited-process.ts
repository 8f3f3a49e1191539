import { openSubscriptions } from '../../src/history/subscriptions/subscriptions.ts'
import { subscription, topicOf } from './subscription-arbitraries.ts'

// A process whose files can't become large. It puts subscriptions until they don't fit any more, and takes some away again.

const print = (line: string) => process.stdout.write(`${line}\n`)
// Instead of the end of the process, which this signal is by default, the write fails.
process.on('SIGXFSZ', () => {})

const [directory = ''] = process.argv.slice(2)
let goOn = () => {}
const recovered = new Promise<void>(resolve => {
  goOn = resolve
})
const journal = await openSubscriptions(
  directory,
  {
    onSkipped: () => print('skipped'),
    onFailing: error => print(`failing: ${error instanceof Error ? error.message : error}`),
    onRecovered: () => {
      print('recovered')
      goOn()
    },
  },
  { retryMs: 5 },
)
let count = 0
try {
  for (;;) {
    journal.put(subscription(++count))
    await journal.written()
  }
} catch {
  print('rejected')
}
for (let number = 3; number <= count; number++) journal.remove(topicOf(number))
journal.move(topicOf(2), 77, 77)
journal.put({ ...subscription(2, 77) })
// The timer that tries again keeps no process alive.
const alive = setInterval(() => {}, 1000)
await recovered
clearInterval(alive)
await journal.written()
print('written')
