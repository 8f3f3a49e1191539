import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { and, assign, createMachine, not } from 'xstate'
import { mermaidOf } from '../../.tools/mermaid.ts'
import { loadMermaidParser } from '../../.tools/mermaid-parser.ts'

const mermaid = loadMermaidParser()

/** The picture without indentation, after mermaid itself has read it. */
async function pictureOf(config: Parameters<typeof createMachine>[0]): Promise<string[]> {
  const picture = mermaidOf(createMachine(config))
  await mermaid.parse(picture)
  return picture.split('\n').map(line => line.trim())
}

function assertShows(picture: readonly string[], ...lines: string[]): void {
  for (const line of lines) assert.ok(picture.includes(line), `${line}\nis not in\n${picture.join('\n')}`)
}

describe('the picture of a chart', () => {
  test('mermaid reads what the generator relies on, and says no to what it avoids', async () => {
    await mermaid.parse('stateDiagram-v2\n  a --> b : one [guard] / act<br/>or two#58; #59;')
    await assert.rejects(mermaid.parse('stateDiagram-v2\n  [*] --> state'))
    await assert.rejects(mermaid.parse('stateDiagram-v2\n  state "p" as p {\n    a\n  }\n  p : entry / act'))
  })

  test('shows initial and final states, entry and exit, and what happens inside a state', async () => {
    const picture = await pictureOf({
      id: 'door',
      initial: 'open',
      states: {
        open: {
          entry: ['lightUp', { type: 'tell', params: { step: 'opened', reason: 'key' } }],
          exit: 'lightDown',
          on: { close: 'closed', knock: { actions: 'answer' }, sneeze: {} },
        },
        closed: { type: 'final' },
      },
    })
    assert.deepEqual(picture, [
      'stateDiagram-v2',
      '[*] --> open',
      'state "open" as open',
      'open : entry / lightUp, tell (opened, key)',
      'open : exit / lightDown',
      'open : knock / answer',
      'open : ignores sneeze',
      'closed',
      'open --> closed : close',
      'closed --> [*]',
    ])
  })

  test('names guards, delays, invoked actors and wildcards in words', async () => {
    const picture = await pictureOf({
      initial: 'binding',
      on: {
        '*': { actions: 'reportSurprise' },
        'xstate.error.actor.*': { actions: 'reportFailure' },
        'xstate.error.actor.peer.*': { actions: 'forgetPeer' },
      },
      states: {
        binding: {
          invoke: { src: 'bindSocket', onDone: { target: 'serving', actions: 'rememberPort' }, onError: 'waiting' },
        },
        waiting: {
          after: { retryPause: 'binding', 250: 'failed' },
          on: {
            hurry: [{ target: 'binding', guard: 'isAllowed' }, { target: 'failed', guard: not('isLate') }, 'waiting'],
          },
        },
        serving: {
          invoke: [
            { id: 'pub', src: 'endpoint' },
            { id: 'sub', src: 'endpoint', onError: 'failed' },
          ],
          always: { target: 'failed', guard: and(['isFull', 'isSlow']) },
        },
        failed: { type: 'final' },
      },
    })
    assertShows(
      picture,
      'all : any other event / reportSurprise',
      'all : any peer failed / forgetPeer',
      'all : any actor failed / reportFailure',
      'binding : do / bindSocket',
      'binding --> serving : bindSocket done / rememberPort',
      'binding --> waiting : bindSocket failed',
      'waiting --> binding : hurry [isAllowed]<br/>or after retryPause',
      'waiting --> failed : hurry [not isLate]<br/>or after 250 ms',
      'waiting : again on hurry [otherwise]',
      'serving : do / endpoint (pub, sub)',
      'serving --> failed : sub failed<br/>or always [(isFull and isSlow)]',
    )
  })

  test('draws arrows only between neighbours: a deeper end is told in the label', async () => {
    const picture = await pictureOf({
      id: 'app',
      initial: 'on',
      states: {
        on: {
          initial: 'idle',
          entry: 'start',
          on: { pause: '.idle' },
          states: {
            idle: { on: { work: 'busy', off: '#app.off.cold' } },
            busy: { on: { reset: { target: '#app.on', reenter: true } } },
          },
          onDone: 'off',
        },
        off: { initial: 'warm', states: { warm: { after: { cooling: 'cold' } }, cold: {} }, on: { on: 'on.busy' } },
      },
    })
    assertShows(
      picture,
      'on_all : entry / start',
      'on_all --> on_idle : pause',
      'on_all : again on reset (in busy)',
      'on --> off : done<br/>or off (in idle, to cold)',
      'off --> on : on (to busy)',
    )
  })

  test('draws parallel regions beside each other and lets no arrow cross them', async () => {
    const picture = await pictureOf({
      id: 'life',
      initial: 'joined',
      states: {
        joined: {
          type: 'parallel',
          exit: 'keepMessages',
          on: { calm: '.heart.slow', panic: '.heart' },
          states: {
            heart: {
              initial: 'slow',
              states: {
                slow: {},
                fast: { after: { heartbeatTimeout: '#life.stale.sick' }, on: { jump: '#life.joined.legs.up' } },
              },
            },
            legs: { initial: 'down', states: { down: {}, up: { type: 'final' } } },
          },
        },
        stale: { initial: 'gone', states: { gone: {}, sick: { on: { back: '#life.joined.legs.up' } } } },
      },
    })
    assertShows(
      picture,
      '--',
      'joined --> stale : after heartbeatTimeout (in heart.fast, to sick)',
      'stale --> joined : back (in sick, to legs.up)',
      'state "all of joined" as joined_all',
      'joined_all : exit / keepMessages',
      'joined_all : again on jump (in heart.fast, to legs.up)',
      'joined_all : again on panic (to heart)',
      'joined_heart_all --> joined_heart_slow : calm',
      'joined_legs_up --> [*]',
    )
  })

  test('divides regions off only if they are simple: mermaid draws no picture of anything else', async () => {
    const heart = { initial: 'slow', states: { slow: {}, fast: { initial: 'a', states: { a: {} } } } }
    const picture = await pictureOf({
      initial: 'life',
      states: { life: { type: 'parallel', states: { heart, legs: {} } } },
    })
    assertShows(picture, 'state "life (all at once)" as life {')
    assert.ok(!picture.includes('--'))
  })

  test('puts a box around a chart that is parallel as a whole', async () => {
    const region = { initial: 'off', states: { off: { on: { switch: 'on' } }, on: {} } }
    const picture = await pictureOf({
      id: 'lamps',
      type: 'parallel',
      states: { left: region, right: region, middle: {} },
      on: { dark: '.left.off', alarm: { actions: 'ring' } },
    })
    assertShows(
      picture,
      'state "lamps" as lamps {',
      '--',
      'middle',
      'left_all --> left_off : dark',
      'all : alarm / ring',
    )
  })

  test('gives every state an id of its own that mermaid accepts, and keeps its name', async () => {
    const picture = await pictureOf({
      initial: 'state',
      states: {
        state: { on: { 'a:b;c %% "d" #e <f>': 'a_b' } },
        a: { initial: 'b', states: { b: {} } },
        a_b: { on: { next: 'a-b' } },
        'a-b': { on: { next: 'was', 'any.*': 'was' } },
        was: { type: 'history', history: 'deep' },
        end: {},
        note: {},
      },
    })
    assertShows(
      picture,
      '[*] --> state_',
      'state "state" as state_',
      'a_b',
      'state "a-b" as a_b_2',
      'state "b" as a_b_3',
      'state_ --> a_b : a#58;b#59;c #37;#37; #34;d#34; #35;e #60;f#62;',
      'a_b_2 --> was : next<br/>or any.#42;',
      'state "where it was, deep down" as was',
    )
  })

  test('leaves out what has no name and shortens what is long', async () => {
    const picture = await pictureOf({
      initial: 'a',
      context: {},
      states: {
        a: {
          on: { x: { target: 'b', actions: assign({}) }, y: { target: 'b', actions: ['one', 'two', 'three', 'four'] } },
        },
        b: {},
      },
    })
    assertShows(picture, 'a --> b : x<br/>or y / one, two …')
  })
})
