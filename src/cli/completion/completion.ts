import type { Command } from 'commander'
import { bashCompletion } from './bash.ts'
import { fishCompletion } from './fish.ts'
import { placesOf } from './places.ts'
import { zshCompletion } from './zsh.ts'

const shells = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion }

/** A shell that can complete a program's command lines. */
export type Shell = keyof typeof shells

/** The script that makes a shell complete a program's command lines, without running the program. */
export function completion(program: Command, shell: Shell): string {
  return shells[shell](program.name(), placesOf(program))
}
