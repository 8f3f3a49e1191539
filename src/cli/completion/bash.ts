import type { Offer, Place } from './places.ts'
import { commandPaths, optionsByOffer, quotedWord, quotedWords } from './shell-words.ts'

/** A script for bash 4 and later. */
export function bashCompletion(program: string, places: readonly Place[]): string {
  const name = `_${program.replaceAll('-', '_')}`
  const values = optionsByOffer(places).map(
    ([offer, patterns]) => `    ${patterns.join('|')}) ${offering(offer)}return ;;`,
  )
  const words = places.map(({ path, commands, options, operand }) => {
    const flags = quotedWords(options.flatMap(option => option.flags))
    const names = quotedWords(commands.map(command => command.name))
    return [
      `    ${quotedWord(`${path} -`)}) offered=(${flags}) ;;`,
      `    ${quotedWord(`${path} `)}) offered=(${names}); ${operand === undefined ? '' : offering(operand)};;`,
    ].join('\n')
  })
  return `# Completion of ${program} for bash, made by: ${program} completion bash
${name}() {
  local word place='' offered=()
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]}
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$place/$word" in ${commandPaths(places)}) place="$place/$word" ;; esac
  done
  COMPREPLY=()
  case "$place $before" in
${values.join('\n')}
  esac
  word=''; [[ $current == -* ]] && word='-'
  case "$place $word" in
${words.join('\n')}
  esac
  [[ \${#offered[@]} -eq 0 ]] || mapfile -t COMPREPLY < <(compgen -W "\${offered[*]}" -- "$current")
}
complete -F ${name} ${program}
`
}

/** Statements that offer something for the current word. */
function offering(offer: Offer): string {
  if (offer === 'anything') return ''
  if (typeof offer === 'object')
    return `mapfile -t COMPREPLY < <(compgen -W ${quotedWord(offer.words.join(' '))} -- "$current"); `
  const kind = offer === 'files' ? '-f' : '-d'
  return `compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen ${kind} -- "$current"); `
}
