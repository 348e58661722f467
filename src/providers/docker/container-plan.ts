import type { Change, Json, Last, Seen } from "../../provider.ts"
import { Secret } from "../../secrets/secret.ts"
import { type ContainerOutputs, type ContainerProps, startsFirst, waitsFor } from "./container-props.ts"
import { capability, securityOptions } from "./container-shown.ts"
import { changeFor, type Difference, isWanted, same, short, unlessThere } from "./differences.ts"
import { fingerprintOf } from "./fingerprint.ts"

type Recorded = Last<ContainerProps, ContainerOutputs> | undefined
type Present = Extract<Seen<ContainerOutputs>, { outputs: unknown }>
type Found = Difference<keyof ContainerProps & string>
type Shown = Readonly<Record<string, Json>>

/** Names the container that a replacement takes the place of, so that a plan holds it fast. */
export function replaces(id: string): string {
  return `the container ${id}`
}

/** What to do with one container. Pure. */
export function planContainer(
  want: ContainerProps,
  seen: Seen<ContainerOutputs>,
  last: Recorded,
): Change<ContainerProps> {
  const early = unlessThere<ContainerProps>(seen)
  if (early !== undefined || !("outputs" in seen)) return early ?? { action: "none" }
  const exactly = [replaces(seen.outputs.id)]
  const order = startsFirst(want) ? "create-first" : "stop-first"
  return changeFor<ContainerProps>(differencesOf(want, seen, last), { order, exactly })
}

/** Everything about a container that is not as wanted. */
export function differencesOf(want: ContainerProps, seen: Present, last: Recorded): readonly Found[] {
  const shown = seen.shown ?? {}
  return [
    ...imageOf(want, seen),
    ...ALWAYS.flatMap((prop) => always(prop, want, shown)),
    ...mapsOf(want, shown, last),
    ...ulimitsOf(want, shown, last),
    ...OPTIONAL.flatMap((prop) => optional(prop, want, shown, last)),
    ...networksOf(want, shown, last),
    ...stateOf(want, seen, last),
  ]
}

function imageOf({ image }: ContainerProps, { outputs, shown }: Present): readonly Found[] {
  const wanted = shown?.imageWanted
  if (typeof wanted === "string" && wanted === outputs.image) return []
  const from = shown?.imageTag
  if (typeof wanted !== "string" && (from === image || from === undefined)) return [] // its tag is gone; what runs is what was wanted
  const words =
    from === image
      ? `image ${image} is ${shortId(wanted)} now, it runs ${shortId(outputs.image)}`
      : isWanted("image", from, image)
  return [{ prop: "image", needsNew: true, words }]
}

function shortId(id: unknown): string {
  return String(id).replace("sha256:", "").slice(0, 12)
}

/** Props that an Engine always shows as they were given, with whether a change needs a new container. */
const FIXED = [
  "privileged",
  "readOnly",
  "init",
  "stopTimeoutMs",
  "securityOptions",
  "capabilities",
  "extraHosts",
  "ports",
  "mounts",
] as const
const LIVE = ["name", "restart"] as const
const ALWAYS = [...FIXED, ...LIVE] as const

function always(prop: (typeof ALWAYS)[number], want: ContainerProps, shown: Shown): readonly Found[] {
  const wanted = wantedOf(prop, want)
  if (same(sorted(wanted), sorted(shown[prop]))) return []
  return [{ prop, needsNew: !LIVE.some((each) => each === prop), words: isWanted(prop, shown[prop], wanted) }]
}

function wantedOf(prop: (typeof ALWAYS)[number], want: ContainerProps): unknown {
  if (prop === "capabilities") return capabilitiesOf(want)
  return prop === "securityOptions" ? securityOptions(want.securityOptions, want.privileged) : want[prop]
}

function capabilitiesOf({ capabilities: { add, drop } }: ContainerProps): unknown {
  return { add: add.map(capability).sort(), drop: drop.map(capability).sort() }
}

/** Lists of these props have no order. */
function sorted(value: unknown): unknown {
  if (!Array.isArray(value)) return value
  return [...value].sort((a, b) => (orderKey(a) < orderKey(b) ? -1 : 1))
}

function orderKey(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value)
  const { container, protocol, address, target } = value as Readonly<Record<string, unknown>>
  return [target, container, protocol, address].join("\n")
}

/** Environment and labels: an image brings more of them, so only what the program says, or has said, is compared. */
function mapsOf(want: ContainerProps, shown: Shown, last: Recorded): readonly Found[] {
  return (["env", "labels"] as const).flatMap((prop) => {
    const there = (shown[prop] ?? {}) as Readonly<Record<string, Json>>
    const wanted: Readonly<Record<string, string | Secret<string>>> = want[prop]
    const moved = Object.entries(wanted).filter(([name, value]) => there[name] !== envValue(value))
    const left = Object.keys(last?.props[prop] ?? {}).filter((name) => !(name in wanted) && name in there)
    return [
      ...moved.map(([name]) => fixed(prop, `${prop}.${name} ${name in there ? "is another" : "is not set"}`)),
      ...left.map((name) => fixed(prop, `${prop}.${name} has left the program`)),
    ]
  })
}

/** An Engine may be set to give some to all: only what the program says, or has said, is compared. */
function ulimitsOf({ ulimits }: ContainerProps, shown: Shown, last: Recorded): readonly Found[] {
  const there = (shown.ulimits ?? {}) as Readonly<Record<string, Json>>
  const moved = Object.keys(ulimits).filter((name) => !same(ulimits[name], there[name]))
  const left = Object.keys(last?.props.ulimits ?? {}).filter((name) => !(name in ulimits) && name in there)
  return [
    ...moved.map((name) => fixed("ulimits", isWanted(`ulimits.${name}`, there[name], ulimits[name]))),
    ...left.map((name) => fixed("ulimits", `ulimits.${name} has left the program`)),
  ]
}

function envValue(value: string | Secret<string>): string {
  return value instanceof Secret ? value.fingerprint : value
}

function fixed(prop: keyof ContainerProps & string, words: string): Found {
  return { prop, words, needsNew: true }
}

/** Props that an image has its own of: without a word of the program, only that it once said one makes a difference. */
const OPTIONAL = [
  ...(["command", "entrypoint", "user", "cwd", "hostname", "healthcheck", "logging", "stopSignal"] as const),
  ...(["memoryBytes", "cpus", "pids"] as const),
] as const
const LIMITS: ReadonlySet<string> = new Set(["memoryBytes", "cpus", "pids"])

function optional(
  prop: (typeof OPTIONAL)[number],
  want: ContainerProps,
  shown: Shown,
  last: Recorded,
): readonly Found[] {
  const [wanted, there] = [want[prop], shown[prop]]
  if (wanted === undefined) {
    const hasLeft = last?.props[prop] !== undefined && there !== undefined
    return hasLeft ? [fixed(prop, isWanted(prop, there, undefined))] : [] // a limit cannot be lifted in place
  }
  if (prop === "logging" ? isLogging(want.logging, there) : same(wanted, there)) return []
  return [{ prop, needsNew: !LIMITS.has(prop), words: isWanted(prop, there, wanted) }]
}

/** An Engine adds options that it is set to give to all. */
function isLogging(want: ContainerProps["logging"], shown: unknown): boolean {
  const there = shown as ContainerProps["logging"]
  if (want === undefined || there === undefined || there.driver !== want.driver) return false
  return Object.entries(want.options).every(([name, value]) => there.options[name] === value)
}

type Membership = ContainerProps["networks"][number]

/** Joined and left in place, except where it has, or is to have, the network of the host or none. */
function networksOf({ networks }: ContainerProps, shown: Shown, last: Recorded): readonly Found[] {
  const there = (shown.networks ?? []) as unknown as readonly Membership[]
  if (networks.length === 0) {
    const hadSome = last !== undefined && last.props.networks.length > 0
    return hadSome ? [fixed("networks", isWanted("networks", names(there), undefined))] : []
  }
  const moved = membershipMoves(networks, there)
  if (moved.join.length + moved.leave.length === 0) return []
  const needsNew = [...networks, ...there].some(({ name }) => ["none", "host"].includes(name))
  return [{ prop: "networks", needsNew, words: networkWords(networks, there) }]
}

function networkWords(want: readonly Membership[], there: readonly Membership[]): string {
  if (names(want) !== names(there)) return isWanted("networks", names(there), names(want))
  const { join } = membershipMoves(want, there)
  return `networks.${join[0]?.name} has other aliases, or another address`
}

function names(networks: readonly Membership[]): string {
  return short(
    networks
      .map(({ name }) => name)
      .sort()
      .join(", ") || "none",
  )
}

/** Which networks to join and which to leave first; one with other aliases is left and joined. */
export function membershipMoves(
  want: readonly Membership[],
  there: readonly Membership[],
): { readonly join: readonly Membership[]; readonly leave: readonly string[] } {
  const asWanted = (each: Membership): boolean => {
    const now = there.find(({ name }) => name === each.name)
    if (now === undefined || !same([...each.aliases].sort(), now.aliases)) return false
    return each.address === now.address
  }
  const join = want.filter((each) => !asWanted(each))
  const stays = new Set(want.filter(asWanted).map(({ name }) => name))
  return { join, leave: there.map(({ name }) => name).filter((name) => !stays.has(name)) }
}

/** Whether it runs, with what, how well, and what is kept beside it. */
function stateOf(want: ContainerProps, { outputs, shown }: Present, last: Recorded): readonly Found[] {
  const live = (prop: keyof ContainerProps & string, words: string): Found[] => [{ prop, words, needsNew: false }]
  return [
    ...runningOf(want, outputs, last, live),
    ...(want.running && shown?.paused === true ? live("running", "it is paused") : []),
    ...(outputs.versions.length > want.keep
      ? live("keep", `${outputs.versions.length} are kept, wanted ${want.keep}`)
      : []),
  ]
}

function runningOf(
  want: ContainerProps,
  { running, health, startedWith }: ContainerOutputs,
  last: Recorded,
  live: (prop: keyof ContainerProps & string, words: string) => Found[],
): readonly Found[] {
  if (running !== want.running) return live("running", running ? "it runs, and is to be stopped" : "it is not running")
  if (!want.running) return []
  if (startedWith !== fingerprintOf(want.restartOn))
    return live("restartOn", "it was started with something else: restart")
  if (waitsFor(want) !== "healthy" || health === "healthy") return []
  if (health === "starting" && last !== undefined && last.unfinished !== true) return []
  return live("wait", health === "none" ? "it has no health check, wanted healthy" : `it is ${health}, wanted healthy`)
}
