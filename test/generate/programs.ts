/** Bundles the command-line programs into dist/bin/: part of `npm run build`, after the compilation. */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { repository, writeLicences } from './licences.ts'

/**
 * What is bundled beside our own files: packages of many small files, of which Node opens, reads and links each one. The
 * other packages are loaded in one go, or only when they are needed, or are not JavaScript alone.
 */
const bundledPackages = ['commander', 'p-queue', 'pino', 'xstate', 'yaml', 'zod']

const directory = join(repository, 'dist/bin')
const { dependencies } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>
}

// What packages in the older module format require of Node.
const requireOfNode =
  "import { createRequire as createBundleRequire } from 'node:module'; const require = createBundleRequire(import.meta.url);"

rmSync(directory, { recursive: true, force: true })
const { metafile } = await build({
  absWorkingDir: repository,
  entryPoints: ['src/cli/programs/threatbus.ts', 'src/cli/programs/vast-threatbus.ts'],
  outdir: 'dist/bin',
  bundle: true,
  // Each command stays a file of its own, loaded when it is called.
  splitting: true,
  chunkNames: 'parts/[name]-[hash]',
  format: 'esm',
  platform: 'node',
  target: 'node20',
  external: Object.keys(dependencies).filter(name => !bundledPackages.includes(name)),
  // For `node --enable-source-maps`; that the sources themselves are not in the package makes no difference to it.
  sourcemap: 'linked',
  sourcesContent: false,
  banner: { js: requireOfNode },
  logLevel: 'warning',
  metafile: true,
})

for (const path of Object.keys(metafile.outputs)) {
  if (!path.endsWith('.js')) continue
  const code = readFileSync(join(repository, path), 'utf8').replace(requireOfNode, '')
  if (code.includes('import.meta.url')) {
    throw new Error(`${path} looks for a file beside itself: find it by import.meta.resolve('threatbus/package.json')`)
  }
}
writeLicences(directory, Object.keys(metafile.inputs))
