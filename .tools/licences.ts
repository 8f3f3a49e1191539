import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where this repository is. */
export const repository = fileURLToPath(new URL('../../', import.meta.url))

/**
 * Writes LICENSES.txt into a directory of bundled code: the licences of the packages that the bundled files, named
 * relative to the repository, are from, and where their source code is, as the EPL 2.0 (§ 3.1) asks for.
 *
 * @throws {Error} if a package has no licence file
 */
export function writeLicences(directory: string, bundledFiles: readonly string[]): void {
  const roots = new Set(bundledFiles.flatMap(path => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []))
  const licences = [...roots].sort().map(root => licenceOf(join(repository, root)))
  const text = `The code in this directory contains these packages.\n\n${licences.join(`\n${'-'.repeat(80)}\n\n`)}`
  writeFileSync(join(directory, 'LICENSES.txt'), text)
}

function licenceOf(root: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Package
  const file = readdirSync(root).find(each => /^licen[cs]e/i.test(each))
  if (file === undefined) throw new Error(`${name} has no licence file`)
  const source = `https://www.npmjs.com/package/${name}/v/${version}`
  return `${name} ${version} (${license}), source code: ${source}\n\n${readFileSync(join(root, file), 'utf8').trim()}\n`
}

interface Package {
  readonly name: string
  readonly version: string
  readonly license: string
}
