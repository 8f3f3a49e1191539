// Loading a configuration in a fresh working directory, for the tests beside this file.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { type LoadedConfig, loadConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/config/problems.ts'
import { configSchema, configWith, type WrittenConfig } from '../../src/config/schema.ts'

/** A directory of this process's own, gone after the tests. */
export const rooms = mkdtempSync(join(tmpdir(), 'threatbus-config-'))
after(() => rmSync(rooms, { recursive: true }))

/** The broker's defaults. */
export const defaults = configWith()

/** Loads with `files` in a fresh working directory. */
export function load(
  files: Readonly<Record<string, string | Uint8Array>>,
  env: Readonly<Record<string, string>> = {},
  file?: string,
): LoadedConfig<WrittenConfig> {
  const cwd = mkdtempSync(join(rooms, 'cwd-'))
  mkdirSync(join(cwd, 'directory'))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(cwd, name), content)
  return loadConfig(configSchema, {
    cwd,
    env,
    file,
    envPrefix: 'THREATBUS_',
    defaultFiles: ['config.yaml', 'config.yml'],
  })
}

/** What the loader complains of. */
export function problems(...given: Parameters<typeof load>): readonly string[] {
  try {
    load(...given)
  } catch (error) {
    assert(error instanceof ConfigError, `not a ConfigError: ${error}`)
    assert.equal(error.message, error.problems.join('\n'))
    return error.problems
  }
  assert.fail('no complaint')
}
