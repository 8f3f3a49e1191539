/** So many of something, in words: `1 file`, `2 files`. */
export function counted(count: number, one: string): string {
  return `${count} ${count === 1 ? one : `${one}s`}`
}

const units = ['KiB', 'MiB', 'GiB', 'TiB']

/** So many bytes, in words: exact below 1 KiB, else in the unit in which there is at least one, and never rounded to the next. */
export function bytesInWords(bytes: number): string {
  if (bytes < 1024) return counted(bytes, 'byte')
  const power = Math.min(units.length, Math.floor(Math.log2(bytes) / 10))
  return `${(Math.floor((bytes / 1024 ** power) * 10) / 10).toFixed(1)} ${units[power - 1]}`
}
