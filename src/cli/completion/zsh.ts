import type { Offer, Place } from './places.ts'
import { commandPaths, optionsByOffer, quotedWord, quotedWords } from './shell-words.ts'

/** A function for zsh's completion system: to be autoloaded from a directory of `$fpath`, or sourced after `compinit`. */
export function zshCompletion(program: string, places: readonly Place[]): string {
  const name = `_${program}`
  const values = optionsByOffer(places).map(
    ([offer, patterns]) => `    ${patterns.join('|')}) ${offering(offer)}return ;;`,
  )
  const words = places.map(({ path, commands, options, operand }) => {
    const flags = described(options.flatMap(({ flags, does }) => flags.map(flag => [flag, does] as const)))
    const names = described(commands.map(({ name, does }) => [name, does] as const))
    return [
      `    ${quotedWord(`${path} -`)}) offered=(${flags}); _describe -o option offered ;;`,
      commands.length > 0
        ? `    ${quotedWord(`${path} `)}) offered=(${names}); _describe command offered ;;`
        : `    ${quotedWord(`${path} `)}) ${operand === undefined ? '' : offering(operand)};;`,
    ].join('\n')
  })
  return `#compdef ${program}
# Completion of ${program} for zsh, made by: ${program} completion zsh
${name}() {
  local word place='' kind=''
  local -a offered
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$place/$word" in (${commandPaths(places)}) place="$place/$word" ;; esac
  done
  case "$place $words[CURRENT-1]" in
${values.join('\n')}
  esac
  [[ $words[CURRENT] == -* ]] && kind='-'
  case "$place $kind" in
${words.join('\n')}
  esac
}
if [[ $funcstack[1] == ${name} ]]; then ${name} "$@"; else compdef ${name} ${program}; fi
`
}

/** Names with what they do, as \`_describe\` takes them: a colon between both, and none in the name. */
function described(named: readonly (readonly [name: string, does: string])[]): string {
  return quotedWords(named.map(([name, does]) => `${name.replaceAll(':', '\\:')}:${does}`))
}

/** Statements that offer something for the current word. */
function offering(offer: Offer): string {
  if (offer === 'anything') return ''
  if (typeof offer === 'object') return `compadd -- ${quotedWords(offer.words)}; `
  return offer === 'files' ? '_files; ' : '_files -/; '
}
