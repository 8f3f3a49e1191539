// A program in VAST's place fails, and says on standard error what VAST would say: sh prints what it is asked for.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Vast } from '../../src/connector/vast.ts'
import { defaultVastCommands } from '../../src/connector/vast-commands.ts'

const vast = new Vast({
  binary: 'sh',
  endpoint: 'localhost:42000',
  commands: { ...defaultVastCommands, retro_match: ['-c', 'printf %s "$0" >&2; exit 1', '%query'] },
  timeoutMs: 60_000,
  matcher: 'm',
  queryTimeoutMs: 60_000,
  maxEvents: 0,
  maxLineBytes: 1024,
  killGraceMs: 1000,
})

describe('a query that fails', () => {
  for (const [outcome, stderr] of [
    ['syntax_error', '!! syntax_error: invalid query: "a.test" == net.domain'],
    ['syntax_error', '!! parse_error'],
    ['syntax_error', '!! invalid_query: no such concept'],
    ['syntax_error', '[12:00:00.000] loaded configuration file: "vast.yaml"\n!! syntax_error: "a.test" =='],
    ['syntax_error', `!! syntax_error: ${'a.test '.repeat(2000)}`],
    ['syntax_error', 'syntax error at 3 of "a b": expected a term'],
    ['failed', 'failed to connect to VAST at localhost:42000: connection refused'],
    ['failed', '!! request_timeout: "syntax_error.test" == net.domain'],
    ['failed', '!! request_timeout: "syntax error" == net.uri'],
    ['failed', '!! format_error: a segment is broken'],
    ['failed', ''],
  ] as const) {
    test(`with ${JSON.stringify(stderr.slice(0, 60))} is ${outcome}`, async () => {
      const result = await vast.query(stderr, {})
      assert.equal(result.outcome, outcome)
      assert.ok(result.stderr.startsWith(stderr.slice(0, 2000)))
    })
  }
})
