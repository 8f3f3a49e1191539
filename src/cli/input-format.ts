/** What an input is that is not JSON in UTF-8, told by how it begins. */
export type InputFormat =
  /** Is unpacked. */
  | 'gzip'
  | 'zstd'
  /** Each of these is refused, with what to do in {@link whatToDo}. */
  | ForeignFormat

/** A format that is not read. */
export type ForeignFormat = keyof typeof whatToDo

/** What people are told of an input that is not read. */
export const whatToDo = {
  zip: 'this is a zip archive: unpack it, and publish the JSON files in it (`unzip -p FILE | threatbus publish -`)',
  tar: 'this is a tar archive: unpack it, and publish the JSON files in it (`tar -xO -f FILE | threatbus publish -`)',
  xz: 'this is packed with xz: unpack it first (`xz -dc FILE | threatbus publish -`)',
  bzip2: 'this is packed with bzip2: unpack it first (`bzip2 -dc FILE | threatbus publish -`)',
  sevenZip: 'this is a 7-Zip archive: unpack it, and publish the JSON files in it',
  rar: 'this is a RAR archive: unpack it, and publish the JSON files in it',
  pdf: 'this is a PDF document: publish its indicators as STIX 2.1, in JSON',
  utf16: 'this is UTF-16 text, and JSON is UTF-8: convert it first (`iconv -f UTF-16 -t UTF-8 FILE`)',
  utf32: 'this is UTF-32 text, and JSON is UTF-8: convert it first (`iconv -f UTF-32 -t UTF-8 FILE`)',
  html: 'this is a web page, perhaps what a server says instead of giving the file: look into it',
  xml: 'this is XML, as STIX 1 was, and the bus carries STIX 2.1 in JSON: convert it first (stix2-elevator does)',
  csv: 'this is CSV or other text in columns: make STIX 2.1 indicators of it first, in JSON',
} as const

/** Bytes that a format is told by, at most: the name of tar is at 257. */
export const headBytes = 512

/** Bytes at the beginning, or from where it says. */
const signatures: readonly (readonly [InputFormat, string, number])[] = [
  ['gzip', '\x1f\x8b', 0],
  ['zstd', '\x28\xb5\x2f\xfd', 0],
  ['zip', 'PK\x03\x04', 0],
  ['zip', 'PK\x05\x06', 0],
  ['tar', 'ustar', 257],
  ['xz', '\xfd7zXZ\x00', 0],
  ['bzip2', 'BZh', 0],
  ['sevenZip', '7z\xbc\xaf\x27\x1c', 0],
  ['rar', 'Rar!', 0],
  ['pdf', '%PDF-', 0],
  ['utf32', '\xff\xfe\x00\x00', 0],
  ['utf32', '\x00\x00\xfe\xff', 0],
  ['utf16', '\xff\xfe', 0],
  ['utf16', '\xfe\xff', 0],
]

/** ASCII without a byte order mark: which of four bytes are zero tells the encoding (RFC 4627, section 3). */
const zeros: readonly (readonly [InputFormat, RegExp])[] = [
  ['utf32', /^(?:\0{3}[^\0]|[^\0]\0{3})/],
  ['utf16', /^(?:\0[^\0]){2}|^(?:[^\0]\0){2}/],
]

/** Does the format show in these bytes, or must more of the beginning be known? */
export function showsFormat(head: Buffer): boolean {
  // Four bytes tell UTF-16 from UTF-8.
  return head.length >= headBytes || (head.length >= 4 && /^(?:\xef\xbb\xbf)?\s*[[{]/.test(head.toString('latin1')))
}

/** The format of an input that begins like this; undefined if it may be JSON in UTF-8, or is nothing that is known. */
export function formatOf(head: Buffer): InputFormat | undefined {
  const text = head.toString('latin1')
  const signed = signatures.find(([, signature, at]) => text.startsWith(signature, at))
  if (signed !== undefined) return signed[0]
  const [wide] = zeros.find(([, pattern]) => pattern.test(text)) ?? []
  if (wide !== undefined) return wide
  const content = text.replace(/^\xef\xbb\xbf/, '').trimStart()
  if (/^<(?:!doctype html|html)\b/i.test(content)) return 'html'
  if (content.startsWith('<')) return 'xml'
  return hasColumns(content) ? 'csv' : undefined
}

/** Has each line, comments aside, as many separators as the others, and does none look like JSON? */
function hasColumns(content: string): boolean {
  const lines = content.split(/\r?\n/)
  // The last may be cut off.
  const whole = lines.length > 1 ? lines.slice(0, -1) : lines
  const rows = whole.filter(line => line.trim() !== '' && !line.startsWith('#'))
  if (rows.length === 0 || rows.some(row => /^\s*\[|[{}]/.test(row))) return false
  return [',', ';', '\t'].some(separator => {
    const counts = new Set(rows.map(row => row.replace(/"[^"]*"/g, '').split(separator).length))
    return counts.size === 1 && !counts.has(1)
  })
}
