/** Exit codes of every command, after sysexits.h; a command that a signal ended exits with 128 + the signal's number. */
export const exitCodes = {
  ok: 0,
  failure: 1,
  usage: 64,
  badInput: 65,
  unavailable: 69,
  internalError: 70,
  badConfiguration: 78,
} as const

/** An exit code of a program, and what it says. */
export type Exit = readonly [code: number | string, meaning: string]

/** The end of a program's help. */
export function exitHelp(exits: readonly Exit[]): string {
  return `\nExit codes:\n${exits.map(([code, meaning]) => `${String(code).padStart(4)}  ${meaning}`).join('\n')}`
}
