import { join } from 'node:path'
import pino from 'pino'
import { startBroker } from '../../src/broker.ts'
import { readBrokerConfig } from '../../src/cli/broker-config.ts'
import { History } from '../../src/history/history.ts'

// A broker in a process of its own, with the configuration and the history in a directory. Its log can't say that it serves,
// so its supervisor fails by an error. Prints that error; nothing ends the process but that nothing is left to do.

const [directory = ''] = process.argv.slice(2)
const config = readBrokerConfig(join(directory, 'config.yaml'))?.config
if (config === undefined) throw new Error('the configuration has mistakes')
const write = (line: string) => {
  if (JSON.parse(line).msg === 'serving') throw new Error('the log is broken')
}
const log = pino({}, { write })
const history = await History.open(join(directory, 'threatbus-history'), config.history, log)
startBroker(config, log, history).stopped.catch(error => process.stdout.write(`${error.message}\n`))
