import type { Command as Line } from "commander"

/** Shells that a script can be written for. */
export const SHELLS = ["bash", "zsh", "fish"] as const
export type Shell = (typeof SHELLS)[number]

/** One command as a shell completes it: its words after `fettle`, what may come next, and its options. */
interface Completed {
  readonly path: string
  readonly next: readonly (readonly [word: string, about: string])[]
  readonly options: readonly (readonly [flag: string, about: string])[]
}

/**
 * A script by which a shell completes commands and options of `fettle`; arguments are completed as files.
 * @example source <(fettle completion bash)
 */
export function completionScript(shell: Shell, line: Line): string {
  const commands = completed(line, [])
  return { bash, zsh, fish }[shell](commands)
}

function completed(command: Line, path: readonly string[]): readonly Completed[] {
  const shared = command.parent === null ? [] : (rootOf(command).options ?? [])
  const options = [...command.options, ...shared].flatMap(({ long, description }) =>
    typeof long === "string" ? [[long, description] as const] : [],
  )
  const own: Completed = {
    path: path.join(" "),
    next: command.commands.map((each) => [each.name(), each.description()] as const),
    options: [...options, ["--help", "print help"]],
  }
  return [own, ...command.commands.flatMap((each) => completed(each, [...path, each.name()]))]
}

function rootOf(command: Line): Line {
  return command.parent === null ? command : rootOf(command.parent)
}

/** Text between single quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

function bash(commands: readonly Completed[]): string {
  const cases = commands.map(({ path, next, options }) => {
    const [words, flags] = [next, options].map((list) => list.map(([word]) => word).join(" "))
    return `    ${quoted(path)}) next=${quoted(words as string)} options=${quoted(flags as string)} ;;`
  })
  const paths = commands.map(({ path }) => path).filter((path) => path !== "")
  return `# bash completion of fettle: source <(fettle completion bash)
_fettle() {
  local current=\${COMP_WORDS[COMP_CWORD]} path= next= options= word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case " $word " in " -"*) continue ;; esac
    case "\${path:+$path }$word" in
      ${paths.map(quoted).join("|")}) path="\${path:+$path }$word" ;;
    esac
  done
  case $path in
${cases.join("\n")}
  esac
  case $current in
    -*) COMPREPLY=($(compgen -W "$options" -- "$current")) ;;
    *) [ -z "$next" ] || COMPREPLY=($(compgen -W "$next" -- "$current")) ;;
  esac
}
complete -o default -F _fettle fettle
`
}

function zsh(commands: readonly Completed[]): string {
  const list = (pairs: Completed["next"]): string =>
    pairs.map(([word, about]) => quoted(`${word.replaceAll(":", "\\:")}:${about}`)).join(" ")
  const cases = commands.map(
    ({ path, next, options }) => `    ${quoted(path)}) next=(${list(next)}) options=(${list(options)}) ;;`,
  )
  const paths = commands.map(({ path }) => path).filter((path) => path !== "")
  return `#compdef fettle
# zsh completion of fettle: source <(fettle completion zsh), or as _fettle in a folder of fpath
_fettle() {
  local word route=''
  local -a next options
  for word in "\${(@)words[2,CURRENT-1]}"; do
    [[ $word == -* ]] && continue
    case "\${route:+$route }$word" in
      (${paths.map(quoted).join("|")}) route="\${route:+$route }$word" ;;
    esac
  done
  case $route in
${cases.join("\n")}
  esac
  if [[ $words[CURRENT] == -* ]]; then _describe -o option options
  elif (( $#next )); then _describe command next
  else _files
  fi
}
if [ "\${funcstack[1]-}" = _fettle ]; then _fettle "$@"; else compdef _fettle fettle; fi
`
}

function fish(commands: readonly Completed[]): string {
  const lines = commands.flatMap(({ path, next, options }) => {
    const words = path.split(" ").filter(Boolean)
    const names = next.map(([word]) => word).join(" ")
    const seen = words.map((word) => `__fish_seen_subcommand_from ${word}`)
    const here = [...seen, ...(names === "" ? [] : [`not __fish_seen_subcommand_from ${names}`])].join("; and ")
    const when = here === "" ? "" : ` -n ${quoted(here)}`
    return [
      ...next.map(([word, about]) => `complete -c fettle -f${when} -a ${quoted(word)} -d ${quoted(about)}`),
      ...options.map(([flag, about]) => `complete -c fettle${when} -l ${quoted(flag.slice(2))} -d ${quoted(about)}`),
    ]
  })
  return `# fish completion of fettle: fettle completion fish | source\n${lines.join("\n")}\n`
}
