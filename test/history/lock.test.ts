import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { HistoryError } from '../../src/history/history-error.ts'
import { acquireLock, DirectoryInUseError, DirectoryLostError, describeOwner } from '../../src/history/lock/lock.ts'
import { longestSocketPath } from '../../src/history/lock/socket-directory.ts'
import { undeletableNameOf } from '../../src/history/lock/undeletable-socket.ts'
import { startNode } from '../system/command-process.ts'
import { inDirectory } from './subscription-arbitraries.ts'

const lockProcess = join(import.meta.dirname, 'lock-process.js')
const restlessProcess = join(import.meta.dirname, 'restless-lock-process.js')

/** A process that is ready to take a directory. */
async function startContender(t: TestContext, directory: string) {
  const contender = startNode(t, lockProcess, directory)
  await contender.printed(1)
  return {
    ...contender,
    /** Lets it try, and tells what came of it. */
    contend: async () => {
      contender.stdin.write('\n')
      const [, outcome = ''] = await contender.printed(2)
      return outcome
    },
  }
}

/** A server that takes connections and does this with them. */
async function strangeServer(t: TestContext, path: string, meet: (peer: Socket) => void) {
  const peers: Socket[] = []
  const server = createServer(peer => {
    peers.push(peer.on('error', () => {}))
    meet(peer)
  })
  server.listen(path)
  await once(server, 'listening')
  t.after(() => {
    for (const peer of peers) peer.destroy()
    server.close()
  })
}

describe('the lock of a history directory', () => {
  test('is for one at a time, and says who has it', async () => {
    await inDirectory(async parent => {
      const directory = join(parent, 'history', 'of', 'one')
      assert.equal(await describeOwner(directory), undefined)
      const lock = await acquireLock(directory)
      assert.deepEqual(await describeOwner(directory), { pid: process.pid, details: {} })
      lock.describe({ manage: '127.0.0.1:13370', pub: 13371 })
      assert.deepEqual(await describeOwner(directory), {
        pid: process.pid,
        details: { manage: '127.0.0.1:13370', pub: 13371 },
      })
      await assert.rejects(acquireLock(directory), (error: Error) => {
        assert.ok(error instanceof DirectoryInUseError && error instanceof HistoryError)
        assert.equal(
          error.message,
          `history directory ${directory} is in use by another broker (process ${process.pid}, ` +
            'manage 127.0.0.1:13370, pub 13371): stop that one, or give this one a directory of its own',
        )
        assert.equal(error.owner.pid, process.pid)
        return true
      })
      assert.equal(statSync(directory).mode & 0o777, 0o700)
      assert.equal(statSync(join(directory, 'broker.sock')).mode & 0o777, 0o600)
      assert.deepEqual(readdirSync(directory), ['broker.sock'])
      await lock.release()
      await lock.release()
      assert.deepEqual(readdirSync(directory), [])
      assert.equal(await describeOwner(directory), undefined)
      await (await acquireLock(directory)).release()
    })
  })

  test('of a process that was killed can be taken at once', async t => {
    await inDirectory(async directory => {
      const first = await startContender(t, directory)
      assert.equal(await first.contend(), 'owner')
      const second = await startContender(t, directory)
      const refusal = await second.contend()
      assert.match(
        refusal,
        /^refused HistoryError: history directory .* is in use by another broker \(process \d+, manage/,
      )
      assert.ok(refusal.includes(`process ${first.pid},`))
      first.kill('SIGKILL')
      await first.ended
      assert.deepEqual(readdirSync(directory), ['broker.sock'])
      assert.equal(await describeOwner(directory), undefined)
      const lock = await acquireLock(directory)
      await lock.release()
    })
  })

  test('of a dead owner goes to exactly one of many that race for it', async t => {
    await inDirectory(async directory => {
      for (let round = 0; round < 3; round++) {
        const contenders = await Promise.all(Array.from({ length: 8 }, () => startContender(t, directory)))
        const outcomes = await Promise.all(contenders.map(({ contend }) => contend()))
        assert.equal(outcomes.filter(outcome => outcome === 'owner').length, 1, outcomes.join('\n'))
        assert.equal(outcomes.filter(outcome => outcome.includes('is in use by another broker')).length, 7)
        const owner = contenders[outcomes.indexOf('owner')]
        assert.equal((await describeOwner(directory))?.pid, owner?.pid)
        for (const { kill } of contenders) kill('SIGKILL')
        await Promise.all(contenders.map(({ ended }) => ended))
        assert.deepEqual(readdirSync(directory), ['broker.sock'])
      }
    })
  })

  test('goes to exactly one of many in one process, again and again', async () => {
    await inDirectory(async directory => {
      for (let round = 0; round < 10; round++) {
        const outcomes = await Promise.allSettled(Array.from({ length: 10 }, () => acquireLock(directory)))
        const locks = outcomes.flatMap(outcome => (outcome.status === 'fulfilled' ? [outcome.value] : []))
        assert.equal(locks.length, 1)
        for (const outcome of outcomes) {
          if (outcome.status === 'rejected') assert.ok(outcome.reason instanceof DirectoryInUseError, outcome.reason)
        }
        assert.deepEqual(readdirSync(directory), ['broker.sock'])
        await Promise.all(locks.map(lock => lock.release()))
      }
    })
  })

  test('has never two owners, however often it changes hands', async t => {
    await inDirectory(async parent => {
      mkdirSync(join(parent, 'history'))
      const processes = Array.from({ length: 4 }, () => startNode(t, restlessProcess, join(parent, 'history'), '25'))
      const results = await Promise.all(processes.map(({ ended }) => ended))
      for (const { lines, stderr } of results) assert.deepEqual([lines, stderr], [['25 times the only owner'], ''])
      assert.deepEqual(readdirSync(parent), ['history'])
    })
  })

  test('is taken over with what dead candidates left', async t => {
    await inDirectory(async directory => {
      // Killed somewhere on its way: whatever it has left, the next one gets the directory.
      const contender = await startContender(t, directory)
      contender.stdin.write('\n')
      for (let found = 0; found === 0; found = readdirSync(directory).length) await new Promise(setImmediate)
      contender.kill('SIGKILL')
      await contender.ended
      assert.equal(readdirSync(directory).length, 1)
      const lock = await acquireLock(directory)
      assert.deepEqual(readdirSync(directory), ['broker.sock'])
      await lock.release()
    })
  })

  test('holds although its socket is deleted, and puts it back', async t => {
    await inDirectory(async directory => {
      const lock = await acquireLock(directory)
      lock.describe({ manage: '127.0.0.1:13370' })
      assert.equal(await lock.verify(), false)
      unlinkSync(join(directory, 'broker.sock'))
      if (process.platform === 'linux') {
        const contender = await startContender(t, directory)
        assert.match(
          await contender.contend(),
          /is in use by another broker \(process \d+, manage 127\.0\.0\.1:13370\)/,
        )
        assert.equal((await describeOwner(directory))?.pid, process.pid)
        assert.deepEqual(readdirSync(directory), [])
      }
      assert.deepEqual(await Promise.all([lock.verify(), lock.verify()]), [true, true])
      assert.equal(await lock.verify(), false)
      assert.deepEqual(readdirSync(directory), ['broker.sock'])
      await assert.rejects(acquireLock(directory), DirectoryInUseError)
      await lock.release()
      assert.deepEqual(readdirSync(directory), [])
      await (await acquireLock(directory)).release()
    })
  })

  test('is lost with its directory, also when there is another one, of which it leaves everything', async () => {
    await inDirectory(async parent => {
      const directory = join(parent, 'history')
      const lock = await acquireLock(directory)
      rmSync(directory, { recursive: true })
      await assert.rejects(lock.verify(), (error: Error) => {
        assert.ok(error instanceof DirectoryLostError)
        assert.match(error.message, /history is gone$/)
        return true
      })
      const other = await acquireLock(directory)
      await assert.rejects(lock.verify(), /in the place of the history directory .* is another one/)
      await lock.release()
      assert.equal(await other.verify(), false)
      await other.release()
    })
  })

  test('is lost when somebody else took the place of its socket', async t => {
    await inDirectory(async directory => {
      const lock = await acquireLock(directory)
      unlinkSync(join(directory, 'broker.sock'))
      await strangeServer(t, join(directory, 'broker.sock'), peer => peer.destroy())
      await assert.rejects(lock.verify(), (error: Error) => {
        assert.ok(error instanceof DirectoryLostError)
        assert.match(error.message, /its lock was deleted, and now the history directory .* is in use by another/)
        return true
      })
      await lock.release()
      assert.deepEqual(readdirSync(directory), ['broker.sock'])
    })
  })

  test('is not kept from anybody by a stranger who listens in its name', async t => {
    // To become another user takes root.
    if (process.getuid?.() !== 0) return
    await inDirectory(async directory => {
      const name = undeletableNameOf(statSync(directory, { bigint: true }))
      if (name === undefined) return
      const code = `require('node:net').createServer(peer => peer.end('{"id":"","pid":${process.pid},"details":{}}\\n'))
        .listen({ path: ${JSON.stringify(name)} }, () => console.log('listening'))`
      const stranger = spawn(process.execPath, ['--eval', code], {
        uid: 65_534,
        cwd: '/',
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      t.after(() => stranger.kill('SIGKILL'))
      await once(stranger.stdout, 'data')
      assert.equal(await describeOwner(directory), undefined)
      const lock = await acquireLock(directory)
      await assert.rejects(acquireLock(directory), DirectoryInUseError)
      await lock.release()
    })
  })

  test('keeps no process alive', async t => {
    await inDirectory(async directory => {
      const code = `import { acquireLock } from ${JSON.stringify(join(import.meta.dirname, '../../src/history/lock/lock.js'))}
        await acquireLock(process.argv[1])
        console.log('owner')`
      const process = startNode(t, '--input-type=module', '--eval', code, directory)
      const { code: exitCode, lines } = await process.ended
      assert.deepEqual([exitCode, lines], [0, ['owner']])
    })
  })

  test('is not held up by peers that connect and stay, or send without end', async () => {
    await inDirectory(async directory => {
      const lock = await acquireLock(directory)
      const peers = Array.from({ length: 40 }, () => connect(join(directory, 'broker.sock')).on('error', () => {}))
      await Promise.all(peers.map(peer => once(peer, 'connect')))
      for (const peer of peers) peer.write(Buffer.alloc(100_000))
      await Promise.all(peers.map(peer => once(peer.resume(), 'close')))
      assert.equal((await describeOwner(directory))?.pid, process.pid)
      await lock.release()
    })
  })

  for (const [what, meet] of Object.entries({
    'says nothing': () => {},
    'hangs up': (peer: Socket) => peer.destroy(),
    'talks without end': (peer: Socket) => {
      const talk = () => {
        while (peer.write('x'.repeat(1000)));
      }
      peer.on('drain', talk)
      talk()
    },
    'answers with something else': (peer: Socket) => peer.end('{"pid":"\\u001b[31m"}\n'),
    'answers with what a terminal would obey': (peer: Socket) =>
      peer.end('{"id":"","pid":1,"details":{"manage":"\\u001b[31m"}}\n'),
  } satisfies Record<string, (peer: Socket) => void>)) {
    test(`belongs to an owner that ${what}`, async t => {
      await inDirectory(async directory => {
        await strangeServer(t, join(directory, 'broker.sock'), meet)
        assert.deepEqual(await describeOwner(directory), {})
        await assert.rejects(acquireLock(directory), /in use by another broker \(which does not answer\)/)
        assert.deepEqual(readdirSync(directory), ['broker.sock'])
      })
    })
  }

  test('waits for a candidate that says nothing for some seconds only', async t => {
    await inDirectory(async directory => {
      await strangeServer(t, join(directory, 'broker.sock.00000000-00000000'), () => {})
      await assert.rejects(acquireLock(directory), DirectoryInUseError)
      assert.deepEqual(readdirSync(directory), ['broker.sock.00000000-00000000'])
    })
  })

  test('leaves a file alone that is no socket', async () => {
    await inDirectory(async directory => {
      const path = join(directory, 'broker.sock')
      writeFileSync(path, 'mine')
      await assert.rejects(acquireLock(directory), /broker\.sock is in the way/)
      assert.equal(readFileSync(path, 'utf8'), 'mine')
      assert.deepEqual(readdirSync(directory), ['broker.sock'])
    })
  })

  test('works far down in the file system, where the path of a socket would be too long', async t => {
    await inDirectory(async parent => {
      const directory = join(parent, 'x'.repeat(longestSocketPath), 'y'.repeat(longestSocketPath))
      assert.equal(await describeOwner(directory), undefined)
      if (process.platform !== 'linux') {
        await assert.rejects(acquireLock(directory), /is too long for a socket in it/)
        return
      }
      const lock = await acquireLock(directory)
      assert.equal((await describeOwner(directory))?.pid, process.pid)
      const contender = await startContender(t, directory)
      assert.match(await contender.contend(), /is in use by another broker/)
      // By a short name it is the same directory.
      symlinkSync(directory, join(parent, 'short'))
      await assert.rejects(acquireLock(join(parent, 'short')), DirectoryInUseError)
      await lock.release()
      assert.deepEqual(readdirSync(directory), [])
    })
  })

  test('says what is wrong with a directory that is none, or is closed to it', async () => {
    await inDirectory(async parent => {
      writeFileSync(join(parent, 'file'), '')
      await assert.rejects(
        acquireLock(join(parent, 'file')),
        /^HistoryError: the history directory .* can't be created: EEXIST/,
      )
      // Root is refused nothing.
      if (process.getuid?.() === 0) return
      mkdirSync(join(parent, 'closed'))
      chmodSync(join(parent, 'closed'), 0)
      await assert.rejects(acquireLock(join(parent, 'closed')), HistoryError)
    })
  })
})
