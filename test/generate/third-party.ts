/**
 * Writes which libraries are built into the inspector's page, and their licences, beside it: `npm run page` does. What they
 * are, esbuild says.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { repository } from '../rooms/sources.ts'

/** What esbuild says of a bundle, as far as it is read here. */
export interface Bundle {
  /** Every file in it, by its path from the root of the repository. */
  readonly inputs: Readonly<Record<string, unknown>>
}

/** The notice on the libraries in a bundle. @throws {Error} if one of them says nothing about its licence */
export function thirdPartyNotice({ inputs }: Bundle): string {
  const directories = new Set(
    Object.keys(inputs).flatMap(path => path.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/) ?? []),
  )
  const notices = [...directories].sort().map(directory => noticeOf(join(repository, directory)))
  return `${['Libraries that are built into the page of the Threat Bus inspector, unchanged.', ...notices].join(rule)}\n`
}

const rule = `\n\n${'-'.repeat(80)}\n\n`

function noticeOf(directory: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
  const file = readdirSync(directory).find(entry => /^licen[cs]e(\.|$)/i.test(entry))
  if (file === undefined)
    throw new Error(`${directory}${sep} has no licence file: nobody may be given its code without one`)
  const source = `Source: https://www.npmjs.com/package/${name}/v/${version}`
  return [`${name} ${version}, ${license}`, source, '', readFileSync(join(directory, file), 'utf8').trim()].join('\n')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const bundle = JSON.parse(readFileSync(join(repository, 'dist/page-bundle.json'), 'utf8')) as Bundle
  writeFileSync(
    fileURLToPath(new URL('../../src/inspector/page/THIRD-PARTY.txt', import.meta.url)),
    thirdPartyNotice(bundle),
  )
}
