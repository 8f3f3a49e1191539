/** Writes the man page of each program into config/man/: `npm run man` after a build. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ManPageTexts, manPage } from '../src/cli/man-page.ts'
import { program as threatbus, threatbusExits } from '../src/cli/threatbus.ts'
import { program as vastThreatbus, vastThreatbusExits } from '../src/cli/vast-threatbus.ts'
import { packageVersion } from '../src/observe/version.ts'

const directory = fileURLToPath(new URL('../../config/man/', import.meta.url))

const configuration = ['config.yaml, config.yml', 'the configuration, in the working directory, without -c'] as const

const threatbusTexts: ManPageTexts = {
  about: 'the bus that threat intelligence travels on',
  exits: threatbusExits,
  environment: [
    [
      'THREATBUS_KEY__KEY',
      'a key of the configuration, in upper case, two underscores for each level; it wins over the file',
    ],
    ['THREATBUS_INSPECTOR__TOKEN', 'the token of an inspector, which status and inspect send'],
  ],
  files: [configuration, ['threatbus-history', 'the history, beside the configuration']],
  seeAlso: ['vast-threatbus'],
}

const vastThreatbusTexts: ManPageTexts = {
  about: 'connects a VAST telemetry engine to Threat Bus',
  exits: vastThreatbusExits,
  environment: [
    [
      'VAST_THREATBUS_KEY__KEY',
      'a key of the configuration, in upper case, two underscores for each level; it wins over the file',
    ],
  ],
  files: [
    configuration,
    ['metrics.log', 'what was counted, a line of InfluxDB for each interval, in the working directory'],
  ],
  seeAlso: ['threatbus'],
}

/** The man pages, by the paths of their files. */
export const manPages: ReadonlyMap<string, string> = new Map([
  [join(directory, 'threatbus.1'), manPage(threatbus, packageVersion(), threatbusTexts)],
  [join(directory, 'vast-threatbus.1'), manPage(vastThreatbus, packageVersion(), vastThreatbusTexts)],
])

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(directory, { recursive: true })
  for (const [path, text] of manPages) writeFileSync(path, text)
}
