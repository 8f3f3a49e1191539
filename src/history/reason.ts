/** Why something failed, as it is added to a sentence: what the operating system says about a file, for one. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The operating system's name of an error, such as `ENOENT`; undefined if it is none of its errors. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
