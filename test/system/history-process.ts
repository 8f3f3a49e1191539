import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { RunningBroker } from './broker-process.ts'
import { runCommand } from './command-process.ts'
import { indicator, request } from './wire.ts'

/** Complete, valid indicators as JSON texts, unlike any other. */
export const indicators = (count: number, over: object = {}) => Array.from({ length: count }, () => indicator(over))

/** Publishes with a receipt, in one request: then it is on disk. */
export const publish = (port: number, bodies: readonly string[]) =>
  request(port, `{"action":"publish","topic":"stix2/","message":[${bodies.join()}]}`)

/** The arguments that name a broker's configuration. */
export const configOf = ({ directory }: Pick<RunningBroker, 'directory'>) => ['-c', join(directory, 'config.yaml')]

/** The directory of a broker's history. */
export const historyOf = ({ directory }: Pick<RunningBroker, 'directory'>) => join(directory, 'threatbus-history')

/** Makes a directory that is there for one test. */
export function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'threatbus-'))
  t.after(() => rmSync(directory, { recursive: true }))
  return directory
}

/** The lines that `threatbus history export` prints, which must go well. */
export async function exported(t: Pick<TestContext, 'after'>, ...args: readonly string[]): Promise<readonly string[]> {
  const { code, lines, stderr } = await runCommand(t, ['history', 'export', '--no-times', ...args])
  assert.deepEqual([code, stderr], [0, ''])
  return lines
}

/** What `threatbus history info --json` prints, which must go well. */
export async function infoOf(t: TestContext, ...args: readonly string[]) {
  const { code, lines, stderr } = await runCommand(t, ['history', 'info', '--json', ...args])
  assert.deepEqual([code, stderr], [0, ''])
  return JSON.parse(lines.join('\n'))
}
