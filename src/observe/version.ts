import { readFileSync } from 'node:fs'

/** The version of this package. */
export function packageVersion(): string {
  return JSON.parse(readFileSync(new URL(import.meta.resolve('threatbus/package.json')), 'utf8')).version
}
