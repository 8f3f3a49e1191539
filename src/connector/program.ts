import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, resolve } from 'node:path'
import { parseCommand } from './command-line.ts'
import { type ConnectorConfig, standardOutput } from './config.ts'

/**
 * Why a program can't be started, with the path that was looked at and what to do; undefined if it is there and may be run.
 * It is looked for as execvp(3) does: a name in the directories of `searchPath`, a path where it leads from here.
 */
export function missingProgram(program: string, searchPath = process.env.PATH ?? ''): string | undefined {
  if (program.includes('/')) {
    const path = resolve(program)
    const trouble = troubleWith(path)
    return trouble === undefined ? undefined : `${path} ${sentences[trouble]}`
  }
  const found = searchPath.split(delimiter).map(directory => resolve(directory, program))
  const troubles = found.map(troubleWith)
  if (troubles.includes(undefined)) return undefined
  const at = troubles.findIndex(trouble => trouble !== 'absent')
  const trouble = troubles[at]
  if (trouble !== undefined) return `${found[at]} ${sentences[trouble]}`
  return `there is no ${program} in PATH (${searchPath}): install it, or write its whole path`
}

/** What names programs in the connector's configuration. */
export type ProgramKeys = Pick<ConnectorConfig, 'vast_binary' | 'transform_context' | 'sink'>

/** The programs of a configuration that can't be started, a line each: its key, why, and what to do. */
export function missingPrograms({ vast_binary, transform_context, sink }: ProgramKeys): readonly string[] {
  const programs = [
    ['vast_binary', vast_binary],
    ['transform_context', transform_context && parseCommand(transform_context)[0]],
    ['sink', sink && sink !== standardOutput ? parseCommand(sink)[0] : undefined],
  ] as const
  return programs.flatMap(([key, program]) => {
    const missing = program === undefined ? undefined : missingProgram(program)
    return missing === undefined ? [] : [`${key}: ${missing}`]
  })
}

const sentences = {
  absent: 'is not there: install it, or write the path where it is',
  unreachable: 'may not be looked at: its directories must let this user in (chmod +x)',
  no_file: 'is no file: name the program itself',
  not_executable: 'may not be run by this user: make it executable (chmod +x)',
} as const

function troubleWith(path: string): keyof typeof sentences | undefined {
  try {
    if (!statSync(path).isFile()) return 'no_file'
    accessSync(path, constants.X_OK)
    return undefined
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException
    if (syscall === 'access') return 'not_executable'
    return code === 'EACCES' ? 'unreachable' : 'absent'
  }
}
