import { readFileSync } from 'node:fs'

/** Linux counts processor time for programs in hundredths of a second, whatever it does inside. */
const ticksPerSecond = 100

/** The processor seconds that a process has used with all its threads; undefined where there is no /proc to tell. */
export function cpuSeconds(pid: number): number | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch {
    return undefined
  }
  // The second field is the program's name in parentheses, which may hold blanks and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const [user, system] = [Number(fields[11]), Number(fields[12])]
  return (user + system) / ticksPerSecond
}
