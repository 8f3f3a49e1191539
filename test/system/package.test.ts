import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { citedPages } from '../rooms/citations.ts'
import { readPages } from '../rooms/pages.ts'
import { startBroker } from './broker-process.ts'
import { startNode } from './command-process.ts'

const run = promisify(execFile)
const repository = fileURLToPath(new URL('../../../', import.meta.url))
const manifest = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'))

/** An application that uses what the declarations offer, and what they refuse. */
const typedApplication = `
import { type Bus, type BusEvent, type BusMessage, connect, type Indicator, type Publishable, type Subscription } from 'threatbus'

interface Score { x_score: number }
const maybe: AbortSignal | undefined = undefined
await using bus: Bus<Score> = connect<Score>({ signal: maybe, onEvent: (event: BusEvent) => event.event === 'away' })
await using indicators = await bus.subscribe('stix2/indicator', { snapshotDays: 1, signal: maybe })
for await (const message of indicators) {
  const type: 'indicator' = message.type
  const pattern: string = message.object.pattern
  const score: number | undefined = message.object.x_score
  // @ts-expect-error: a misspelt property
  message.object.patern
  // @ts-expect-error: a custom property that the application did not speak of
  message.object.x_other
  await bus.publish({ type: 'sighting', spec_version: '2.1', sighting_of_ref: message.object.id, x_score: score ?? 1 })
  // @ts-expect-error: a misspelt property
  await bus.publish({ type: 'sighting', spec_version: '2.1', sighting_of_ref: message.object.id, conut: 1 })
  console.log(type, pattern)
}
const sightings: Subscription<'sighting', Score> = await bus.subscribe(['stix2/s'])
const both: Subscription = await connect().subscribe(['stix2/indicator', 'stix2/sighting'])
const some: string = 'stix2/'
const any: Subscription = await connect().subscribe(some)
for await (const message of both) {
  // @ts-expect-error: which of them it is has to be asked
  message.object.pattern
  if (message.type === 'sighting') console.log(message.object.sighting_of_ref)
}
// @ts-expect-error: a subscription to sightings has no indicators
const wrong: Subscription<'indicator', Score> = sightings
// @ts-expect-error: what makes it up is nobody's business
bus.parts
const one: (message: BusMessage<'indicator'>) => Indicator = ({ object }) => object
const draft: Publishable = { type: 'indicator', spec_version: '2.1', pattern: 'x', pattern_type: 'sigma' }
console.log(any, wrong, one, draft, bus.status().subscriptions[0]?.state)
`

describe('the package as it is published', { concurrency: true }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'threatbus-package-'))
  const root = join(directory, 'package')

  let files: string[] = []
  const read = (path: string) => readFileSync(join(root, path), 'utf8')

  before(async () => {
    await install(directory)
    const entries = readdirSync(root, { recursive: true, withFileTypes: true })
    files = entries.filter(entry => entry.isFile()).map(entry => relative(root, join(entry.parentPath, entry.name)))
  })
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
  })

  for (const [environment, options] of Object.entries({
    'a browser, too': { lib: ['es2023', 'dom'], types: [] },
    Node: { lib: ['es2023'], types: ['node'], typeRoots: [join(repository, 'node_modules/@types')] },
  })) {
    test(`has types that an application with all checks compiles with, where it may use what is there in ${environment}`, async () => {
      const application = mkdtempSync(join(directory, 'application-'))
      mkdirSync(join(application, 'node_modules'))
      symlinkSync(root, join(application, 'node_modules/threatbus'))
      writeFileSync(join(application, 'package.json'), '{ "type": "module" }')
      writeFileSync(join(application, 'application.ts'), typedApplication)
      const checks = {
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        skipLibCheck: false,
      }
      const compilerOptions = { ...checks, ...options, target: 'es2022', module: 'nodenext', noEmit: true }
      writeFileSync(join(application, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['application.ts'] }))
      const compiled = await run(join(repository, 'node_modules/.bin/tsc'), ['-p', application]).catch(error => error)
      assert.equal(compiled.stdout, '')
    })
  }

  test('shows applications what is for them: nothing of its own insides, nor of a package that it uses', () => {
    const declarations = readFileSync(join(root, manifest.exports['.'].types), 'utf8')
    assert.doesNotMatch(declarations, /import|xstate|not for applications|Actor|Settings/i)
  })

  test('has its code once, by what that says to people', () => {
    const places = new Map<string, string>()
    // The page runs in a browser, and has of its own what it says there.
    for (const path of files.filter(each => /^dist\/(?:bin|library)\/.*\.js$/.test(each))) {
      for (const [sentence] of read(path).matchAll(/"[a-z][^"\\\n]* [^"\\\n]{30,}"/g)) {
        const place = places.get(sentence) ?? path
        assert.equal(place, path, sentence)
        places.set(sentence, path)
      }
    }
    assert.ok(places.size > 100, `${places.size}`)
  })

  test('has what changed, and for each of its programs a sample configuration and a unit', () => {
    assert.ok(files.includes('CHANGELOG.md'))
    for (const name of Object.keys(manifest.bin)) {
      for (const extension of ['yaml', 'service']) assert.ok(files.includes(`config/${name}.${extension}`), name)
    }
  })

  test('cites nothing in its comments that it does not have', () => {
    const words = [...citedPages(readPages()).keys()].join('|')
    const cited = new RegExp(`\\b(?:(?:src|test|machines|dist/test)/[\\w./-]+|(?:${words}) "|issue "|issue \\d)`)
    for (const path of files.filter(each => /\.(?:js|d\.ts|ya?ml|service|logrotate)$|Containerfile$/.test(each))) {
      if (path.startsWith('dist/page/')) continue
      for (const line of read(path)
        .split('\n')
        .filter(each => /^\s*(?:\/\/|#|\*|\/\*)/.test(each))) {
        assert.doesNotMatch(line, cited, path)
      }
    }
  })

  test('runs nothing when it is installed', () => {
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare']) assert.ok(!(name in manifest.scripts), name)
  })

  test('has the licences of what is bundled into it, and says where its source code is', () => {
    const bundled = { library: ['commander', 'xstate', 'yaml', 'zod'], page: ['elkjs', 'preact', 'uplot'] }
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
