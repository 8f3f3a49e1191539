import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/**
 * Runs a script of this directory as a process of which no file can become larger than 64 blocks, of 512 or 1024 bytes as
 * the shell counts them. Answers its exit code, and what it printed.
 */
export async function runLimited(script: string, ...args: readonly string[]): Promise<[code: number, printed: string]> {
  const command = [process.execPath, join(import.meta.dirname, script), ...args]
  const child = spawn('/bin/sh', ['-c', 'ulimit -f 64; exec "$0" "$@"', ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', text => {
    printed += text
  })
  const [code] = await once(child, 'close')
  return [code, printed]
}
