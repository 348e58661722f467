import type { SealedContent } from "../../connect/host/kind.ts"
import { quote, quoteAll } from "../../connect/host/quote.ts"
import { Secret } from "../../secrets/secret.ts"

/** Exit code of a script whose command did not end as it should; what it wrote is told with it. */
export const FAILED = 30
/** Exit code of a guard that could not be asked. */
export const UNASKED = 31
/** How long a guard may take, in seconds: a plan waits for it. */
const GUARD_SECONDS = 60
/** What timeout ends with where it cut a guard off, and what a guard without its folder ends with. */
const GUARD_UNASKED = 124

/** What a script of ours finds in its environment, and a command of the user's does not. */
const OWN = "unset S ASTRAY\n"

/** A command as a list of words, or a script. */
export type CommandLine = string | readonly string[]

/** Where and as whom something runs. */
export interface Where {
  readonly cwd?: string | undefined
  readonly user?: string | undefined
}

/** What decides whether a command is due. */
export interface Guards {
  readonly creates?: string | undefined
  readonly unless?: CommandLine | undefined
  readonly onlyIf?: CommandLine | undefined
}

/** What the shell sources: environment, folder and command. A script ends at its first command that fails. */
export function runFile(
  run: CommandLine,
  {
    env = {},
    cwd,
  }: { readonly env?: Readonly<Record<string, string | Secret<string>>>; readonly cwd?: string | undefined },
): SealedContent {
  const secrets = Object.values(env).filter((value) => value instanceof Secret)
  return {
    secrets,
    build: (open) => {
      const exports = Object.entries(env).map(
        ([name, value]) => `export ${name}=${quote(value instanceof Secret ? open(value) : value)}\n`,
      )
      return `${OWN}cd -- ${quote(cwd ?? "/")} || exit 126\n${exports.join("")}${typeof run === "string" ? `set -e\n${run}\n` : `exec ${quoteAll(run)}\n`}`
    },
  }
}

/**
 * Runs what stands in a slot, with the usual umask: only what Fettle stages is nobody else's. Another user may not read slots, so the
 * shell gets it on its standard input.
 */
export function runScript(slot: string, user: string | undefined): string {
  return user === undefined
    ? `( umask 022; sh "$S/${slot}" )`
    : `cat -- "$S/${slot}" | ( umask 022; su -s /bin/sh -c 'eval "$(cat)"' ${quote(user)} )`
}

/**
 * Asks the guards and prints what they say, a line each: `creates yes`, `unless no`. A program that is not there yet says no;
 * one that may not be run, or takes too long, or whose folder is missing, has not answered.
 */
export function guardScript(guards: Guards, where: Where): string {
  const limit = `l=; ! command -v timeout >/dev/null || l='timeout ${GUARD_SECONDS}'`
  const asks = (["unless", "onlyIf"] as const).flatMap((name) => {
    const guard = guards[name]
    return guard === undefined ? [] : [askGuard(name, guard, where)]
  })
  const creates = guards.creates === undefined ? [] : [existsScript(guards.creates)]
  return [...creates, ...(asks.length === 0 ? [] : [limit, ...asks])].join("\n")
}

function existsScript(path: string): string {
  const p = quote(path)
  return `if [ -e ${p} ] || [ -L ${p} ]; then echo 'creates yes'; else echo 'creates no'; fi`
}

/** A guard whose program is not there says no: what brings it may come first. One that may not be run, or runs late, says nothing. */
function askGuard(name: string, guard: CommandLine, { cwd, user }: Where): string {
  const text = `${OWN}umask 022\ncd -- ${quote(cwd ?? "/")} || exit ${GUARD_UNASKED}\n${typeof guard === "string" ? guard : `exec ${quoteAll(guard)}`}`
  const run = user === undefined ? `$l sh -c ${quote(text)}` : `$l su -s /bin/sh -c ${quote(text)} ${quote(user)}`
  return `o=$( { ${run}; } 2>&1 </dev/null); r=$?
case $r in
  (0) echo '${name} yes';;
  (${typeof guard === "string" ? GUARD_UNASKED : `${GUARD_UNASKED}|126`}) printf '${name} cannot be asked (exit code %s): %s\\n' "$r" "$o"; exit ${UNASKED};;
  (*) echo '${name} no';;
esac`
}

/** What the guards said, by name. */
export function saidBy(out: string): ReadonlyMap<string, boolean> {
  return new Map(
    out
      .split("\n")
      .map((each) => /^(creates|unless|onlyIf) (yes|no)$/.exec(each))
      .flatMap((match) => (match === null ? [] : [[match[1] as string, match[2] === "yes"] as const])),
  )
}

/** Runs what undoes it. */
export function undoScript(user: string | undefined): string {
  return `${runScript("undo", user)}\n${endedWell([0])}`
}

/** Ends a script where the command before it ended with another code. */
function endedWell(exitCodes: readonly number[]): string {
  return `r=$?
case $r in ${exitCodes.join("|")}) ;; *) printf 'fettle: exit code %s\\n' "$r" >&2; exit ${FAILED};; esac`
}

export interface RunParts extends Guards, Where {
  readonly exitCodes: readonly number[]
  /** True where the guard `creates` is no reason to leave it: its inputs are others now. */
  readonly again: boolean
}

/**
 * Runs the command, unless a guard says by now that it need not be. The last line of its output is its exit code, or `skipped`.
 * A guard that then still says that it is due makes it a failure: it would be run for ever.
 */
export function changeScript(parts: RunParts): string {
  const { creates, unless, onlyIf, user, exitCodes, again } = parts
  const where = { cwd: parts.cwd, user }
  const guarded = guardScript({ unless, onlyIf, ...(again ? {} : { creates }) }, where)
  const proved = guardScript({ creates, unless }, where)
  const ask = (script: string, name: string): string =>
    script === "" ? "" : `${name}=$(${script}) || { printf '%s\\n' "$${name}" >&2; exit ${UNASKED}; }\n`
  return `${ask(guarded, "said")}${
    guarded === ""
      ? ""
      : `case $said in *'creates yes'*|*'unless yes'*|*'onlyIf no'*) printf '\\nskipped'; exit 0;; esac\n`
  }${runScript("run", user)}
r=$?
case $r in ${exitCodes.join("|")}) ;; *) printf 'fettle: exit code %s\\n' "$r" >&2; exit ${FAILED};; esac
${ask(proved, "now")}${
  proved === ""
    ? ""
    : `case $now in *'creates no'*|*'unless no'*) printf 'fettle: it ended with exit code %s, and its guard says that it is still due: %s\\n' "$r" "$(echo $now)" >&2; exit ${FAILED};; esac\n`
}printf '\\n%s' "$r"`
}
