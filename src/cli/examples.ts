import type { Example } from './command-tree.ts'

/** Examples of `threatbus`, by the path of the command. */
export const threatbusExamples: Readonly<Record<string, readonly Example[]>> = {
  threatbus: [
    ['threatbus', 'runs the broker with the configuration that is here, else with the defaults'],
    ['threatbus -c config.yaml --trace trace.ndjson', 'runs it with another one, and records what its actors do'],
  ],
  'threatbus check': [['threatbus check -c config.yaml', 'tells every mistake in it, or prints what is in effect']],
  'threatbus demo': [['threatbus demo', 'shows a broker, a platform and a tool at work, and ends']],
  'threatbus inspect': [
    ['threatbus inspect trace.ndjson', 'opens what was recorded'],
    ['threatbus inspect http://127.0.0.1:13373/ http://127.0.0.1:13374/', 'both ends of what goes on now, in one page'],
  ],
  'threatbus status': [
    ['threatbus status', 'asks the broker whose configuration is here'],
    ['threatbus status --endpoint broker.example:13373 --json', 'asks another one, for a program'],
  ],
  'threatbus subscribe': [
    ['threatbus subscribe stix2/indicator', 'prints indicators as they come, until Ctrl-C'],
    ['threatbus subscribe stix2 --snapshot 30 --format frames', 'first those of the last 30 days, each with its type'],
  ],
  'threatbus publish': [
    ['threatbus publish bundle.json', 'publishes what can travel the bus, and waits until it is on disk'],
    ['threatbus publish --endpoint broker.example:13370 -', 'publishes what is piped in'],
  ],
  'threatbus ping': [['threatbus ping --count 3', 'measures three round trips']],
  'threatbus subscribers': [['threatbus subscribers list --stale', 'shows who is subscribed and away']],
  'threatbus subscribers list': [
    ['threatbus subscribers list --stale', 'shows who is subscribed and away'],
    ['threatbus subscribers list --json --address 203.0.113.7', 'shows those of one address, for a program'],
  ],
  'threatbus subscribers drop': [
    ['threatbus subscribers drop abcdef', 'ends one subscription, as it is listed'],
    ['threatbus subscribers drop --never-joined --yes', 'ends those of which nothing ever came'],
  ],
  'threatbus history': [['threatbus history info', 'says what is in the history that is configured here']],
  'threatbus history export': [
    ['threatbus history export --since 7d', 'prints what came in the last week, an object a line'],
    ['threatbus history export --latest --format bundle', 'prints what is valid now, as one bundle'],
  ],
  'threatbus history import': [
    ['threatbus history import bundle.json', 'puts what is in it into the history'],
    ['threatbus history import --path /var/lib/threatbus/history export.ndjson', 'the same, into another one'],
  ],
  'threatbus history info': [['threatbus history info --json', 'says what is in the history, for a program']],
  'threatbus completion': [
    ['threatbus completion bash', 'for ~/.local/share/bash-completion/completions/threatbus'],
    ['threatbus completion zsh', 'for a file _threatbus in a directory of $fpath'],
    ['threatbus completion fish', 'for ~/.config/fish/completions/threatbus.fish'],
  ],
  'threatbus help': [['threatbus help history export', 'says how that command is used']],
}

/** Examples of `vast-threatbus`, by the path of the command. */
export const vastThreatbusExamples: Readonly<Record<string, readonly Example[]>> = {
  'vast-threatbus': [
    ['vast-threatbus', 'connects the VAST and the bus of the configuration that is here, else of the defaults'],
    ['vast-threatbus -c vast-threatbus.yaml', 'with another configuration'],
  ],
  'vast-threatbus check': [
    ['vast-threatbus check -c vast-threatbus.yaml', 'tells every mistake in it, or prints what is in effect'],
  ],
  'vast-threatbus completion': [
    ['vast-threatbus completion bash', 'for ~/.local/share/bash-completion/completions/vast-threatbus'],
    ['vast-threatbus completion zsh', 'for a file _vast-threatbus in a directory of $fpath'],
    ['vast-threatbus completion fish', 'for ~/.config/fish/completions/vast-threatbus.fish'],
  ],
  'vast-threatbus help': [['vast-threatbus help check', 'says how that command is used']],
}
