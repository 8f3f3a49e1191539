import { closeSync, openSync, unlinkSync } from 'node:fs'
import { acquireLock, DirectoryInUseError, type Lock } from '../../src/history/lock/lock.ts'

// A process that takes a history directory and gives it back, so many times, among others that do the same. While it has it, it has
// a file beside the directory, which can't be made twice: who finds it there has found a second owner.

const [directory = '', times = '0'] = process.argv.slice(2)
const mark = `${directory}.owned`

async function insist(): Promise<Lock> {
  for (;;) {
    try {
      return await acquireLock(directory)
    } catch (error) {
      if (!(error instanceof DirectoryInUseError)) throw error
    }
  }
}

for (let time = 0; time < Number(times); time++) {
  const lock = await insist()
  closeSync(openSync(mark, 'wx'))
  await new Promise(setImmediate)
  unlinkSync(mark)
  await lock.release()
}
process.stdout.write(`${times} times the only owner\n`)
