import { quoteAll } from "../../connect/host/quote.ts"
import type { ServicesFound } from "../../events/survey.ts"
import type { Rows } from "../section.ts"
import type { Draft, DraftNode, LeftOut } from "./node.ts"

/** Names that a program can give; others have escapes that people do not write. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9:_.@-]*$/

/** Services that are no part of the base system, as they are now: what runs, what starts at boot, what is masked. */
export const services: Draft = {
  kinds: ["host.service"],
  name: "services",
  about: "Services beyond the base: whether each starts at boot and runs. Those that come and go are left to that.",
  look: ({ services: found }) => {
    if (found === undefined || found.by === "none") return ""
    const names = namesIn(found).filter(isName)
    return found.by === "systemd" ? systemdLook(names) : openrcLook(names)
  },
  draft: ({ services: found }, _at, told) => {
    if (found === undefined || found.by === "none") return { nodes: [], leftOut: [] }
    const odd = namesIn(found).filter((name) => !isName(name))
    const leftOut: LeftOut[] = odd.map((name) => ({ what: name, why: "has a name that no program can give" }))
    const nodes: DraftNode[] = []
    const units = unitsIn(told)
    if (units === undefined) leftOut.push({ what: "Services", why: "are not told by the host" })
    for (const unit of units ?? []) {
      const state = serviceState(unit)
      if ("why" in state) leftOut.push({ what: unit.name, why: state.why })
      else nodes.push(nodeOf(unit, state))
    }
    return { nodes, leftOut }
  },
}

/** Those of the survey, and what is masked. A template is none. */
function namesIn({ own, files }: ServicesFound): readonly string[] {
  const masked = files.flatMap(
    (path) => /^\/etc\/systemd\/system\/([^/]+\.(?:service|socket|path))$/.exec(path)?.[1] ?? [],
  )
  const names = [...own.map(({ name }) => name), ...masked]
  return [...new Set(names)].filter((name) => !/@(\.[a-z]+)?$/.test(name)).sort()
}

function isName(name: string): boolean {
  return NAME.test(name) && name.length <= 200
}

/** One process for all; own timers are among them. What was asked stands before the answers, which come in its order. */
function systemdLook(names: readonly string[]): string {
  return String.raw`
[ -d /run/systemd/system ] && has systemctl || exit 0
set -- ${quoteAll(names)}
for f in /etc/systemd/system/*.timer; do
  [ -f "$f" ] || continue
  n=\${f##*/}
  case $n in *[!A-Za-z0-9:_.@-]*|*@.timer|[!A-Za-z0-9_]*) ;; *) set -- "$@" "$n";; esac
done
printf 'by\tsystemd\n'
[ $# != 0 ] || exit 0
for n; do printf 'name\t%s\n' "$n"; done
soon systemctl show -p Id -p LoadState -p ActiveState -p UnitFileState -p NeedDaemonReload -p Type -p TriggeredBy -p NRestarts -- "$@" 2>/dev/null | sed 's/^$/--/' | tagged unit
`.replaceAll("\\$", "$")
}

/** In the same words as systemd's, one unit after the other. */
function openrcLook(names: readonly string[]): string {
  return String.raw`
has rc-service || exit 0
printf 'by\topenrc\n'
k=
for n in ${quoteAll(names)}; do
  l=not-found a=inactive f=disabled
  if [ -e "/etc/init.d/$n" ]; then
    l=loaded
    rc-service "$n" status >/dev/null 2>&1 </dev/null; r=$?
    case $r in 0) a=active;; 32) a=failed;; esac
  fi
  for e in /etc/runlevels/*/"$n"; do [ ! -L "$e" ] && [ ! -e "$e" ] || f=enabled; done
  [ -z "$k" ] || printf 'unit\t--\n'
  k=1
  printf 'name\t%s\nunit\tId=%s\nunit\tLoadState=%s\nunit\tActiveState=%s\nunit\tUnitFileState=%s\n' "$n" "$n" $l $a $f
done
`
}

/** One unit as its manager tells it. */
export interface UnitFacts {
  readonly name: string
  readonly load: string
  readonly active: string
  readonly boot: string
  readonly outdated?: boolean
  readonly type?: string
  /** Something else starts it when it is wanted. */
  readonly triggered?: boolean
  readonly restarts?: number
}

/** Undefined where the host has not told of each that it was asked for. An alias goes by its own name, once. */
function unitsIn(told: Rows): readonly UnitFacts[] | undefined {
  const names = told.lines("name")
  const blocks: Map<string, string>[] = [new Map()]
  for (const line of told.lines("unit")) {
    const at = line.indexOf("=")
    if (line === "--") blocks.push(new Map())
    else blocks.at(-1)?.set(line.slice(0, at), line.slice(at + 1))
  }
  if (told.one("by") === "") return undefined
  if (names.length === 0) return []
  if (blocks.length !== names.length) return undefined
  const units = new Map<string, UnitFacts>()
  for (const block of blocks) {
    const name = block.get("Id") ?? ""
    units.set(name, {
      name,
      load: block.get("LoadState") ?? "",
      active: block.get("ActiveState") ?? "",
      boot: block.get("UnitFileState") ?? "",
      outdated: block.get("NeedDaemonReload") === "yes",
      type: block.get("Type") ?? "",
      triggered: (block.get("TriggeredBy") ?? "") !== "",
      restarts: Number(block.get("NRestarts") ?? 0),
    })
  }
  return [...units.values()]
}

/** What is to be kept of a unit. */
export interface ServiceState {
  readonly enabled: boolean | "any"
  readonly running: boolean | "any"
  readonly masked?: true
  readonly note?: string
}

/** What a program says so that nothing is to change, whatever comes and goes by itself; or why it says nothing. Pure. */
export function serviceState(unit: UnitFacts): ServiceState | { readonly why: string } {
  const { load, active, boot } = unit
  if (load === "not-found") return { why: "is to start at boot, and the host has no such unit" }
  if (unit.outdated === true)
    return { why: "has a unit file that systemd has not read since it changed: systemctl daemon-reload" }
  const runs = ["active", "reloading", "refreshing"].includes(active)
  if (load === "masked")
    return runs
      ? { why: "is masked and still runs" }
      : { enabled: false, running: false, masked: true, note: "nobody can start it" }
  const enabled = ["enabled", "alias", "generated"].includes(boot)
    ? true
    : ["static", "indirect", "transient"].includes(boot)
      ? "any"
      : false
  const comes = comesAndGoes(unit, runs, enabled)
  const running = comes === undefined ? runs : "any"
  if (enabled === "any" && running === "any") return { why: comes ?? "is started by something else" }
  const idle = enabled === true && running === false ? "starts at boot, and does not run" : undefined
  const note = comes ?? idle
  return { enabled, running, ...(note === undefined ? {} : { note }) }
}

/** Why it cannot be said whether it is to run. */
function comesAndGoes(
  { active, type, triggered, restarts = 0 }: UnitFacts,
  runs: boolean,
  enabled: boolean | "any",
): string | undefined {
  if (active === "failed") return "it has failed: say running: true where it is to run"
  if (!runs && active !== "inactive") return `it is ${active}: say running: true where it is to run`
  if (restarts > 0) return `it was restarted ${restarts} times: say running: true where it is to run`
  if (triggered === true && enabled !== true) return "is started by another unit when it is wanted"
  if (type === "oneshot" && !runs) return "it ends by itself"
  return undefined
}

/** Only what differs from the defaults, which are that it starts at boot and runs. */
function nodeOf({ name }: UnitFacts, { enabled, running, masked, note }: ServiceState): DraftNode {
  const plain = name.replace(/\.service$/, "")
  return {
    kind: "host.service",
    id: `service ${plain}`,
    props: {
      name: plain,
      ...(enabled === true ? {} : { enabled }),
      ...(running === true ? {} : { running }),
      ...(masked === true ? { masked } : {}),
    },
    note,
    ...(masked === true ? { covers: `/etc/systemd/system/${name}` } : {}),
  }
}
