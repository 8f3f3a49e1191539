import { isBuiltin } from 'node:module'
import { type Import, importsOf } from './imports.ts'
import { fits, isForDevelopers, roomOf } from './rooms.ts'
import type { Source } from './sources.ts'

/** The parts of package.json that decide which packages may be imported. */
export interface PackageLists {
  readonly name: string
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

/** What is wrong with the imports of these files: a line each, with file, line, import and the rule in words. */
export function brokenImportRules(sources: readonly Source[], packages: PackageLists): string[] {
  const imports = sources.flatMap(importsOf)
  const homeless = sources.filter(({ path }) => roomOf(path) === undefined)
  return [
    ...homeless.map(
      ({ path }) => `${path}:1 is in no room: ARCHITECTURE "The rooms" and test/rooms/rooms.ts name them`,
    ),
    ...imports.flatMap(entry => ruleBrokenBy(entry, packages).map(rule => `${placeOf(entry)}: ${rule}`)),
    ...cyclesIn(imports),
  ]
}

function placeOf({ path, line, specifier, typesOnly }: Import): string {
  const what = specifier === undefined ? 'something computed' : `'${specifier}'`
  return `${path}:${line} imports ${typesOnly ? 'types of ' : ''}${what}`
}

function ruleBrokenBy({ path, specifier, target, typesOnly }: Import, packages: PackageLists): string[] {
  const room = roomOf(path)
  if (room === undefined) return []
  const { mayImport, mayImportTypesOf = [] } = room
  const allowed = typesOnly ? [...mayImport, ...mayImportTypesOf] : mayImport
  if (!allowed.some(pattern => fits(target, pattern))) {
    const asType = !typesOnly && mayImportTypesOf.some(pattern => fits(target, pattern))
    return [room.rule + (asType ? ' (`import type` would do)' : '')]
  }
  if (specifier === undefined || specifier.startsWith('.') || specifier.startsWith('node:')) return []
  if (isBuiltin(specifier)) return ['modules of Node are imported by their node: name']
  if (target in packages.dependencies) return []
  if (room.isBuilt && target in packages.devDependencies) return []
  if (!isForDevelopers(path)) return ["what runs is imported from package.json's dependencies only"]
  return target in packages.devDependencies || target === packages.name
    ? []
    : ["tests and tools import packages only that are in package.json's dependencies or devDependencies"]
}

/** Each way round that imports take, once, types included: who reads one file of a circle has to read them all. */
function cyclesIn(imports: readonly Import[]): string[] {
  const importsByPath = new Map<string, Import[]>()
  for (const entry of imports) importsByPath.set(entry.path, [...(importsByPath.get(entry.path) ?? []), entry])
  const finished = new Set<string>()
  const cycles: string[] = []
  const visit = (path: string, way: readonly Import[]): void => {
    const start = way.findIndex(step => step.path === path)
    if (start >= 0) {
      const round = way.slice(start)
      const files = [...round.map(step => step.path), path].join(' → ')
      cycles.push(...round.slice(0, 1).map(step => `${placeOf(step)}: imports never go in a circle, but here ${files}`))
      return
    }
    if (finished.has(path)) return
    for (const step of importsByPath.get(path) ?? []) visit(step.target, [...way, step])
    finished.add(path)
  }
  for (const path of importsByPath.keys()) visit(path, [])
  return cycles
}
