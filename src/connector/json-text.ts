import { isJsonObject, parseJson } from '../protocol/json.ts'
import type { JsonObject } from '../protocol/stix/kind.ts'

/**
 * JSON that others wrote, read, and as it stands there. Numbers that were read and are written again lose digits (RFC 8259
 * section 6: a double has 53 bits for integers, and about 17 digits), so what is handed on is the text.
 */
export class JsonText<Value = unknown> {
  readonly text: string
  readonly value: Value

  /** `value` is what `text` says, as `JSON.parse` reads it. */
  constructor(text: string, value: Value) {
    this.text = text
    this.value = value
  }
}

/** Reads a JSON object; undefined if the text is none. */
export function readObject(text: string): JsonText<JsonObject> | undefined {
  const value = parseJson(text)
  return isJsonObject(value) ? new JsonText(text, value) : undefined
}

/** Writes an object, of which members may be texts: those stand there as they are. */
export function writeObject(object: JsonObject): string {
  const members = Object.entries(object).map(([name, value]) => {
    const text = value instanceof JsonText ? value.text : JSON.stringify(value)
    return `${JSON.stringify(name)}:${text}`
  })
  return `{${members.join()}}`
}

/** What the same object says to those who read it. */
export function valuesOf(object: JsonObject): JsonObject {
  const members = Object.entries(object).map(([name, value]) => [name, value instanceof JsonText ? value.value : value])
  return Object.fromEntries(members)
}
