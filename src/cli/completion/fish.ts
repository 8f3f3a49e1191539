import type { Offer, Place } from './places.ts'

/** A script for fish 3 and later. */
export function fishCompletion(program: string, places: readonly Place[]): string {
  const name = `__${program.replaceAll('-', '_')}_at`
  const paths = places.filter(({ path }) => path !== '').map(({ path }) => fishQuoted(path))
  const lines = places.flatMap(({ path, commands, options, operand }) => {
    const here = `complete -c ${program} -n ${fishQuoted(`${name} ${fishQuoted(path)}`)}`
    return [
      ...commands.map(each => `${here} -a ${fishQuoted(each.name)} -d ${fishQuoted(each.does)}`),
      ...options.map(({ flags, does, value }) => {
        const letters = flags.map(flag => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`))
        return `${here} ${letters.join(' ')}${value === undefined ? '' : ` -r ${offering(value)}`} -d ${fishQuoted(does)}`
      }),
      ...(operand === undefined || operand === 'anything' ? [] : [`${here} ${offering(operand)}`]),
    ]
  })
  return `# Completion of ${program} for fish, made by: ${program} completion fish
function ${name} --description 'Is the command line of ${program} at this command?'
  set -l place ''
  for word in (commandline -opc)[2..-1]
    contains -- "$place/$word" ${paths.join(' ')}; and set place "$place/$word"
  end
  test "$place" = "$argv[1]"
end
complete -c ${program} -f
${lines.join('\n')}
`
}

function offering(offer: Offer): string {
  if (offer === 'anything') return '-f'
  if (typeof offer === 'object') return `-f -a ${fishQuoted(offer.words.join(' '))}`
  return offer === 'files' ? '-F' : `-f -a '(__fish_complete_directories)'`
}

/** In fish's single quotes a backslash escapes a quote and itself. */
function fishQuoted(word: string): string {
  return `'${word.replace(/[\\']/g, '\\$&')}'`
}
