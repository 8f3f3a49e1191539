/** Writes config/threatbus.schema.json from the broker's schema: `npm run schema` after a build. */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { configSchema } from '../../src/config/schema.ts'

/** Where the schema file is, seen from the compiled script. */
export const schemaFile = fileURLToPath(new URL('../../../config/threatbus.schema.json', import.meta.url))

/**
 * The JSON Schema of the broker's configuration, as the text of its file: draft 7, which the YAML language servers of
 * editors know best. It describes what may be written (the input side), so nothing is required that has a default.
 */
export function configSchemaText(): string {
  const generated = z.toJSONSchema(configSchema, {
    io: 'input',
    target: 'draft-7',
    override: ({ zodSchema, jsonSchema }) => {
      // A section left empty is one that was left out (values.ts), which an editor shouldn't call a mistake.
      const { def } = zodSchema._zod
      if (def.type === 'object') Object.assign(jsonSchema, { type: ['object', 'null'] })
      // Zod leaves out the default of what is preprocessed (the log levels): it can't know the default's input form.
      if (def.type === 'default') jsonSchema.default ??= def.defaultValue as string
    },
  })
  const { $schema, ...rest } = generated
  const title = 'Configuration of threatbus, the broker'
  return `${layOut({ $schema, title, ...rest })}\n`
}

/** Columns that a list may take to stay on one line: the formatter's line width. */
const lineWidth = 120

/** JSON as Biome lays it out: two spaces, and lists on one line where they fit. */
function layOut(value: unknown, indent = ''): string {
  const deeper = `${indent}  `
  if (Array.isArray(value)) {
    const line = `[${value.map(item => JSON.stringify(item)).join(', ')}]`
    return line.length + indent.length < lineWidth ? line : JSON.stringify(value, null, 2)
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).map(
    ([key, member]) => `${deeper}${JSON.stringify(key)}: ${layOut(member, deeper)}`,
  )
  return members.length === 0 ? '{}' : `{\n${members.join(',\n')}\n${indent}}`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(schemaFile, configSchemaText())
