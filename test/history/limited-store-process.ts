import { SegmentedStore } from '../../src/history/segmented-store.ts'
import { messageOf } from '../../src/protocol/message.ts'
import { loggedBatch } from './log-arbitraries.ts'
import { toldEvents, wideSettings } from './log-directory.ts'

// A process whose files can't become large. It appends messages until one does not fit, some more that it has to give up,
// and then a small one.

const print = (line: string) => process.stdout.write(`${line}\n`)
// Instead of the end of the process, which this signal is by default, the write fails.
process.on('SIGXFSZ', () => {})

const [directory = ''] = process.argv.slice(2)
const events = toldEvents()
let goOn = () => {}
const recovered = new Promise<void>(resolve => {
  goOn = resolve
})
const settings = { ...wideSettings, segmentBytes: 1e9, maxUnwrittenBytes: 500, retryMs: 5 }
const store = await SegmentedStore.open(directory, settings, {
  ...events,
  failing: error => print(`failing: ${error instanceof Error ? error.message : error}`),
  recovered: lost => {
    print(`recovered: ${lost} lost`)
    goOn()
  },
})
const append = (bytes: number) =>
  store.append(loggedBatch([messageOf('indicator', 'x'.repeat(bytes))], store.next, Date.now()))
let acknowledged = 0
try {
  for (;;) {
    append(3000)
    await store.committed()
    acknowledged++
  }
} catch {
  // What does not fit is given up for what does.
  for (let count = 0; count < 60; count++) append(90)
  print(`acknowledged ${acknowledged} of ${store.next - 1}`)
}
// The timer that tries again keeps no process alive.
const alive = setInterval(() => {}, 1000)
await recovered
clearInterval(alive)
await store.committed()
await store.close()
print('written')
