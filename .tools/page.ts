/** Bundles the inspector's page: part of `npm run build`, after the compilation. */
import { join } from 'node:path'
import { build } from 'esbuild'
import { repository, writeLicences } from './licences.ts'

const directory = join(repository, 'dist/page')

const { metafile } = await build({
  absWorkingDir: repository,
  entryPoints: {
    page: 'src/inspector/page/main.tsx',
    index: 'src/inspector/page/index.html',
    'layout-worker': 'node_modules/elkjs/lib/elk-worker.min.js',
  },
  outdir: directory,
  bundle: true,
  minify: true,
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  loader: { '.html': 'copy' },
  logLevel: 'warning',
  metafile: true,
})
writeLicences(directory, Object.keys(metafile.inputs))
