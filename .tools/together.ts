/*
 * Runs a command in a process group of its own, and ends all of the group when the command ends or this is told to:
 * `node dist/.tools/together.js node --test …`. Who starts tests and stops them has no broker left behind, whoever started that.
 */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'

const [command = '', ...args] = process.argv.slice(2)
const child = spawn(command, args, { stdio: 'inherit', detached: true })

function endGroup(): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // Nobody of it is left.
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    endGroup()
    process.exit(128 + constants.signals[signal])
  })
}
child.on('error', error => {
  process.stderr.write(`${command} can't be started: ${error.message}\n`)
  process.exit(127)
})
child.on('exit', (code, signal) => {
  endGroup()
  process.exit(code ?? 128 + constants.signals[signal ?? 'SIGKILL'])
})
