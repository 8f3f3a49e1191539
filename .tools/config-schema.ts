/** Writes the JSON Schema of each program's configuration into config/: `npm run schema` after a build. */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { configSchema } from '../src/config/schema.ts'
import { connectorSchema } from '../src/connector/config.ts'

/** A program's configuration, and where its JSON Schema is, seen from the compiled script. */
export interface ProgramSchema {
  readonly title: string
  readonly schema: z.ZodType
  readonly file: string
}

/** The programs that have a configuration, by name. */
export const programSchemas = {
  threatbus: program('Configuration of threatbus, the broker', configSchema, 'threatbus'),
  'vast-threatbus': program('Configuration of vast-threatbus, the VAST connector', connectorSchema, 'vast-threatbus'),
} as const satisfies Record<string, ProgramSchema>

function program(title: string, schema: z.ZodType, name: string): ProgramSchema {
  return { title, schema, file: fileURLToPath(new URL(`../../config/${name}.schema.json`, import.meta.url)) }
}

/**
 * The JSON Schema of a program's configuration, as the text of its file: draft 7, which the YAML language servers of
 * editors know best. It describes what may be written (the input side), so nothing is required that has a default.
 */
export function configSchemaText({ title, schema }: ProgramSchema): string {
  const generated = z.toJSONSchema(schema, {
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
  return `${layOut({ $schema, title, ...rest })}\n`
}

/** Columns that a list may take to stay on one line: the formatter's line width. */
const lineWidth = 120

/** JSON as Biome lays it out: two spaces, and lists on one line where they fit. */
function layOut(value: unknown, indent = ''): string {
  const deeper = `${indent}  `
  if (Array.isArray(value)) {
    const line = `[${value.map(item => JSON.stringify(item)).join(', ')}]`
    if (line.length + indent.length < lineWidth) return line
    return `[\n${value.map(item => deeper + layOut(item, deeper)).join(',\n')}\n${indent}]`
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).map(
    ([key, member]) => `${deeper}${JSON.stringify(key)}: ${layOut(member, deeper)}`,
  )
  return members.length === 0 ? '{}' : `{\n${members.join(',\n')}\n${indent}}`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const each of Object.values(programSchemas)) writeFileSync(each.file, configSchemaText(each))
}
