/**
 * Bundles what the package has of code, each line of it once: the programs into dist/bin/, and the client library, the scripts of
 * threads and what they have in common into dist/library/. Part of `npm run build`, after the compilation.
 */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { repository, writeLicences } from './licences.ts'

/**
 * What is bundled beside our own files: packages of many small files, of which Node opens, reads and links each one. The
 * other packages are loaded in one go, or only when they are needed, or are not JavaScript alone.
 */
const bundledPackages = ['commander', 'p-queue', 'pino', 'xstate', 'yaml', 'zod']

const library = join(repository, 'dist/library')
const { dependencies } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>
}

// What packages in the older module format require of Node.
const requireOfNode =
  "import { createRequire as createBundleRequire } from 'node:module'; const require = createBundleRequire(import.meta.url);"

for (const directory of ['dist/bin', 'dist/library']) {
  rmSync(join(repository, directory), { recursive: true, force: true })
}
const { metafile } = await build({
  absWorkingDir: repository,
  entryPoints: {
    'bin/threatbus': 'src/cli/programs/threatbus.ts',
    'bin/vast-threatbus': 'src/cli/programs/vast-threatbus.ts',
    'library/index': 'src/index.ts',
    'library/checking-worker': 'src/checking/checking-worker.ts',
    'library/selection-worker': 'src/history/selection/selection-worker.ts',
  },
  outdir: 'dist',
  bundle: true,
  // What several have in common is there once, and each command stays a file of its own, loaded when it is called.
  splitting: true,
  chunkNames: 'library/parts/[name]-[hash]',
  format: 'esm',
  platform: 'node',
  target: 'node20',
  external: Object.keys(dependencies).filter(name => !bundledPackages.includes(name)),
  // For `node --enable-source-maps`; that the sources themselves are not in the package makes no difference to it.
  sourcemap: 'linked',
  sourcesContent: false,
  // Comments are for those who have the sources, of which they cite pages and files. Names stay, for stack traces.
  minifyWhitespace: true,
  lineLimit: 160,
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
writeLicences(library, Object.keys(metafile.inputs))
