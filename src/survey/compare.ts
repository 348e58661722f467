import type { HostSession } from "../connect/host/session.ts"
import type { Comparison, ConfigFile, Difference, Survey, UserFound } from "../events/survey.ts"
import { textDiff } from "../events/text-diff.ts"
import { textHoldsSecret } from "./looks-secret.ts"

/** Most texts that are fetched to be compared line by line, and most bytes of one. */
const TEXTS_MAX = 200
const TEXT_BYTES_MAX = 65_536
const GIB = 1_073_741_824

/** What differs between two surveys, with the texts of files that differ. Reads only; two more requests to each host. */
export async function compare(
  left: { readonly found: Survey; readonly session: HostSession },
  right: { readonly found: Survey; readonly session: HostSession },
  signal: AbortSignal,
): Promise<Comparison> {
  const compared = comparison(left.found, right.found)
  const paths = textsWanted(left.found, right.found)
  const [before, after] = await Promise.all([left.session.texts(paths, signal), right.session.texts(paths, signal)])
  const differences = compared.differences.map((each): Difference => {
    if (each.part !== CONFIGURATION) return each
    const [a, b] = [before.get(each.name)?.text, after.get(each.name)?.text]
    if (a === undefined || b === undefined || a === b) return each
    if (textHoldsSecret(a) || textHoldsSecret(b)) return each
    return { ...each, text: textDiff(a, b) }
  })
  return { ...compared, differences }
}

const CONFIGURATION = "configuration"

/** Files that differ, are short, and hold no secret as far as their path and mode tell. */
function textsWanted(left: Survey, right: Survey): readonly string[] {
  const others = new Map(right.config?.own.map((each) => [each.path, each]))
  return (left.config?.own ?? [])
    .filter((file) => {
      const other = others.get(file.path)
      return (
        other !== undefined &&
        file.md5 !== undefined &&
        other.md5 !== undefined &&
        file.md5 !== other.md5 &&
        Math.max(file.sizeBytes, other.sizeBytes) <= TEXT_BYTES_MAX
      )
    })
    .map(({ path }) => path)
    .slice(0, TEXTS_MAX)
}

/** One part of a survey as things by their name, each in the words by which it is compared. */
type Things = Readonly<Record<string, string>> | ReadonlyMap<string, string> | undefined

/** What differs, by facts and hashes alone. Pure. */
export function comparison(left: Survey, right: Survey): Comparison {
  const sees = canCompare(left, right)
  const parts: readonly (readonly [part: string, of: (survey: Survey) => Things])[] = [
    ["system", systemOf],
    ["packages", ({ packages }) => packages?.versions],
    ["services", servicesOf],
    [CONFIGURATION, ({ config }) => config && new Map(config.own.map((file) => [file.path, fileWords(file)]))],
    ["removed configuration", ({ config }) => config && new Map(config.removed.map((path) => [path, "removed"]))],
    ["users", ({ accounts }) => accounts && new Map(accounts.users.map((user) => [user.name, userWords(user, sees)]))],
    [
      "groups",
      ({ accounts }) =>
        accounts &&
        new Map(accounts.groups.map(({ name, gid, members }) => [name, `${gid} ${[...members].sort().join(",")}`])),
    ],
    [
      "rights",
      ({ accounts }) =>
        sees.rules ? accounts && new Map(accounts.rules.map(({ file, rule }) => [rule, file])) : undefined,
    ],
    ["open ports", (survey) => portsOf(survey, sees)],
    [
      "schedules",
      ({ schedules }) =>
        schedules && new Map(schedules.map(({ name, when, user = "", runs }) => [`${name} ${when} ${runs}`, user])),
    ],
    ["kernel settings", ({ settings }) => settings],
  ]
  return {
    left: left.host,
    right: right.host,
    differences: parts.flatMap(([part, of]) => differing(part, of(left), of(right))),
    notCompared: [left, right].flatMap(({ host, unseen }) =>
      unseen.filter(({ part }) => !ALONE.has(part)).map((each) => ({ host, ...each })),
    ),
  }
}

/** Parts of a survey that are of one machine and are never compared. */
const ALONE = new Set(["certificates", "disks", "pending updates"])

/** A part that one side did not tell differs in nothing: `notCompared` says so. */
function differing(part: string, left: Things, right: Things): readonly Difference[] {
  if (left === undefined || right === undefined) return []
  const [a, b] = [mapOf(left), mapOf(right)]
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((name) => a.get(name) !== b.get(name))
    .sort()
    .map((name) => ({ part, name, left: a.get(name), right: b.get(name) }))
}

function mapOf(things: NonNullable<Things>): ReadonlyMap<string, string> {
  return things instanceof Map ? things : new Map(Object.entries(things))
}

/** What only root sees is compared where both sides saw it. */
interface Sees {
  readonly keys: boolean
  readonly passwords: boolean
  readonly rules: boolean
  readonly processes: boolean
}

function canCompare(left: Survey, right: Survey): Sees {
  const whys = [...left.unseen, ...right.unseen].map(({ why }) => why)
  const sees = (words: RegExp): boolean => !whys.some((why) => words.test(why))
  return {
    keys: sees(/^keys of/),
    passwords: sees(/^passwords/),
    rules: sees(/^who may become root/),
    processes: sees(/^who listens/),
  }
}

function systemOf({ system }: Survey): Things {
  if (system === undefined) return undefined
  const { os, kernel, architecture, cpus, memoryBytes, timezone = "", init, virtualization = "" } = system
  return {
    os,
    kernel,
    architecture,
    processors: String(cpus),
    memory: `${Math.round(memoryBytes / GIB)} GB`,
    timezone,
    init,
    virtualization,
  }
}

function servicesOf({ services }: Survey): Things {
  if (services === undefined) return undefined
  const enabled = new Set(services.enabled)
  const words = new Map(services.enabled.map((name) => [name, "enabled"]))
  for (const { name, state } of services.own)
    words.set(name, [enabled.has(name) ? "enabled" : "not enabled", ...(state === undefined ? [] : [state])].join(", "))
  return words
}

function fileWords({ type, mode, uid, gid, md5, to, secret, sizeBytes }: ConfigFile): string {
  if (type === "link") return `link to ${to}`
  const content =
    type === "directory" ? "" : secret ? ` ${sizeBytes} bytes` : ` ${md5?.slice(0, 12) ?? `${sizeBytes} bytes`}`
  return `${type} ${mode} ${uid}:${gid}${content}`
}

function userWords({ uid, gid, home, shell, groups, password, keys }: UserFound, sees: Sees): string {
  return [
    `${uid}:${gid} ${home} ${shell}`,
    `in ${[...groups].sort().join(",")}`,
    ...(sees.passwords ? [`password ${password ?? "unknown"}`] : []),
    ...(sees.keys ? keys.map(({ fingerprint }) => fingerprint).sort() : []),
  ].join(" ")
}

/** From here on the kernel gives ports to whoever wants any. */
const ANY_PORT = 32_768

/** Ports that were taken for a moment, by clients and for this machine alone, are left out: no two hosts have the same. */
function portsOf({ ports }: Survey, { processes }: Sees): Things {
  const lasting = ports?.filter(
    ({ protocol, address, port }) => port < ANY_PORT || (protocol === "tcp" && !/^(127\.|::1$)/.test(address)),
  )
  return (
    lasting &&
    new Map(
      lasting.map(({ protocol, address, port, process = "" }) => [
        `${port}/${protocol} ${address}`,
        processes ? process : "open",
      ]),
    )
  )
}
