import { createInterface } from 'node:readline'
import { acquireLock } from '../../src/history/lock/lock.ts'

// A process that wants a history directory: tells that it is there, waits for a line, and tells whether it got it. Then it stays.

const [directory = ''] = process.argv.slice(2)
const print = (line: string) => process.stdout.write(`${line}\n`)

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
print('ready')
await lines.next()
try {
  const lock = await acquireLock(directory)
  lock.describe({ manage: '127.0.0.1:13370' })
  print('owner')
  await lines.next()
  await lock.release()
  print('released')
} catch (error) {
  print(error instanceof Error ? `refused ${error.name}: ${error.message}` : String(error))
}
process.stdin.destroy()
