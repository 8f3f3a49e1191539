import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { startBroker } from './broker-process.ts'
import { startNode } from './command-process.ts'

const run = promisify(execFile)
const repository = fileURLToPath(new URL('../../../', import.meta.url))
const manifest = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'))

describe('the package as it is published', { concurrency: true }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'threatbus-package-'))
  const root = join(directory, 'package')

  before(() => install(directory))
  after(() => rmSync(directory, { recursive: true, force: true }))

  test('has every program that it names', async t => {
    for (const [name, script] of Object.entries<string>(manifest.bin)) {
      const { code, lines } = await startNode(t, join(root, script), '--version').ended
      assert.deepEqual([code, ...lines], [0, manifest.version], name)
    }
  })

  test('shows the demo, with its sample', async t => {
    const { code, lines } = await startNode(t, join(root, manifest.bin.threatbus), 'demo').ended
    assert.equal(code, 0)
    assert.match(String(lines.at(-1)), /^broker {4}stopped/)
  })

  test('runs a broker, which selects a snapshot in a thread of its own and serves its page', async t => {
    // publish ─▶ broker ─ snapshot ─▶ subscribe
    const script = join(root, manifest.bin.threatbus)
    const { manage, logged } = await startBroker(t, { script, inspector: { port: 0 } })
    const endpoint = ['--endpoint', `127.0.0.1:${manage}`]
    const sample = join(root, 'config/sample-bundle.json')
    assert.equal((await startNode(t, script, 'publish', ...endpoint, sample).ended).code, 0)
    const subscribed = startNode(
      t,
      script,
      'subscribe',
      'stix2/indicator',
      ...endpoint,
      '--snapshot',
      '1',
      '--count',
      '8',
    )
    assert.deepEqual([(await subscribed.ended).code, subscribed.lines.length], [0, 8])

    const { port } = await logged(({ msg }) => msg.startsWith('the inspector listens'))
    const pages = ['', 'inspector/page.js', 'inspector/page.css', 'inspector/layout-worker.js']
    for (const page of pages) assert.equal((await fetch(`http://127.0.0.1:${port}/${page}`)).status, 200, page)
  })

  test('is a library, with its types', async () => {
    const application = `import { connect } from 'threatbus'; console.log(typeof connect)`
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', application], { cwd: root })
    assert.equal(stdout, 'function\n')
    assert.match(readFileSync(join(root, manifest.exports['.'].types), 'utf8'), /export .*connect/)
  })

  test('has the licences of what is bundled into it, and says where its source code is', () => {
    const bundled = { bin: ['commander', 'xstate', 'yaml', 'zod'], 'src/inspector/page': ['elkjs', 'preact', 'uplot'] }
    for (const [where, names] of Object.entries(bundled)) {
      const licences = readFileSync(join(root, 'dist', where, 'LICENSES.txt'), 'utf8')
      for (const name of names)
        assert.match(
          licences,
          new RegExp(`^${name} \\S+ \\(.+\\), source code: https://\\S+\n\n[^]{0,200}(copyright|license)`, 'im'),
        )
    }
  })
})

/** Packs this package and unpacks it in a directory, with the packages it depends on and no others. */
async function install(directory: string): Promise<void> {
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', directory]
  const [{ filename }] = JSON.parse((await run('npm', pack, { cwd: repository })).stdout)
  await run('tar', ['-xf', filename], { cwd: directory })
  for (const name of Object.keys(manifest.dependencies)) {
    const link = join(directory, 'node_modules', name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(join(repository, 'node_modules', name), link)
  }
}
