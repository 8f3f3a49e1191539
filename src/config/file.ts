import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/** Bytes that a configuration file may have: a thousand times what one needs. */
const largest = 1_048_576

/** A file's text, or the sentence that says why there is none. */
export type FileRead = { readonly text: string } | { readonly missing: boolean; readonly sentence: string }

const sentences: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'no permission to read it',
  EPERM: 'no permission to read it',
  EISDIR: 'is a directory, not a configuration file',
  ELOOP: 'its symbolic links lead in a circle',
  ENAMETOOLONG: 'its name is too long',
}

/**
 * Reads a configuration file; whatever goes wrong is a sentence, nothing is thrown. Pipes (`/dev/stdin`, `<(…)`) are
 * read to their end.
 */
export function readConfigFile(path: string): FileRead {
  let descriptor: number | undefined
  try {
    descriptor = openSync(path, 'r')
    if (fstatSync(descriptor).isDirectory()) return { missing: false, sentence: sentences.EISDIR ?? '' }
    const read = Buffer.allocUnsafe(largest + 1)
    let length = 0
    while (length < read.length) {
      const more = readSync(descriptor, read, length, read.length - length, null)
      if (more === 0) break
      length += more
    }
    if (length > largest) return { missing: false, sentence: `is larger than ${largest} bytes` }
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(read.subarray(0, length)) }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return { missing: false, sentence: 'is not UTF-8 text' }
    const sentence = sentences[code ?? ''] ?? `can't be read: ${message}`
    return { missing: code === 'ENOENT' || code === 'ENOTDIR', sentence }
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}
