import type { Json } from "../../provider.ts"
import type { ContainerJson } from "../../providers/docker/container-json.ts"
import { healthcheckOf, shownOf } from "../../providers/docker/container-shown.ts"
import { same } from "../../providers/docker/differences.ts"
import type { Value } from "../draft/code.ts"
import type { ImageConfig } from "./reading.ts"

export type Props = Readonly<Record<string, Value>>
type Shown = Readonly<Record<string, Json>>

/** Labels of compose: what Fettle makes is not compose's. */
const OF_COMPOSE = /^com\.docker\.compose\./

/** The environment of a container, a later line before an earlier one. */
export function environmentOf(lines: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf("=")
      return at < 0 ? [line, ""] : [line.slice(0, at), line.slice(at + 1)]
    }),
  )
}

/** The props of a container, as short as they can be: without what is so by default, and without what its image brings. */
export function valuesOf(json: ContainerJson, image: ImageConfig | undefined, logging: string): Props {
  const shown = shownOf(json, environmentOf(json.Config.Env), (sha256) => sha256)
  return dense({
    ...wordsOf(shown, image),
    env: full(without(shown.env, environmentOf(image?.Env ?? []))),
    labels: full(without(shown.labels, image?.Labels ?? {}, OF_COMPOSE)),
    user: unless(shown.user, image?.User),
    cwd: unless(shown.cwd, image?.WorkingDir),
    hostname: json.HostConfig.NetworkMode === "host" ? undefined : unless(shown.hostname, json.Id.slice(0, 12)),
    ports: shortened(shown.ports, { protocol: "tcp", address: "127.0.0.1" }),
    mounts: shortened(shown.mounts, { readOnly: false }),
    networks: networksOf(shown, json),
    extraHosts: full((shown.extraHosts ?? {}) as Record<string, Json>),
    ulimits: full((shown.ulimits ?? {}) as Record<string, Json>),
    healthcheck: checkOf(shown.healthcheck, image && healthcheckOf(image.Healthcheck)),
    restart: unless(shown.restart, "unless-stopped"),
    memoryBytes: shown.memoryBytes,
    cpus: shown.cpus,
    pids: shown.pids,
    capabilities: capabilitiesOf(shown),
    privileged: unless(shown.privileged, false),
    securityOptions: unless(shown.securityOptions, []),
    readOnly: unless(shown.readOnly, false),
    init: unless(shown.init, false),
    logging: loggingOf(shown, logging),
    stopSignal: unless(shown.stopSignal, image?.StopSignal || "SIGTERM"),
    stopTimeoutMs: unless(shown.stopTimeoutMs, 10_000),
    running: unless(shown.running, true),
  })
}

/** Another entrypoint than the image's takes the image's command away, so both are said. */
function wordsOf(shown: Shown, image: ImageConfig | undefined): Readonly<Record<string, Json | undefined>> {
  const [command, entrypoint] = [some(shown.command), some(shown.entrypoint)]
  if (!same(entrypoint, some(image?.Entrypoint))) return { entrypoint, command }
  return { command: unless(command, some(image?.Cmd)) }
}

function some<T>(words: T | undefined): T | undefined {
  return Array.isArray(words) && words.length === 0 ? undefined : words
}

/** What the Engine takes where a health check does not say. */
const USUAL_CHECK = { intervalMs: 30_000, timeoutMs: 30_000, startPeriodMs: 0, retries: 3 }

function checkOf(check: Json | undefined, ofImage: Json | undefined): Json | undefined {
  const own = unless(check, ofImage)
  return typeof own === "object" ? shortened([own], USUAL_CHECK)?.[0] : own
}

function unless(value: Json | undefined, usual: unknown): Json | undefined {
  return same(value, usual) ? undefined : value
}

function without(
  given: Json | undefined,
  usual: Readonly<Record<string, string>>,
  rule?: RegExp,
): Record<string, Json> {
  const all = Object.entries((given ?? {}) as Record<string, Json>)
  return Object.fromEntries(
    all.filter(([name, value]) => rule?.test(name) !== true && !(Object.hasOwn(usual, name) && usual[name] === value)),
  )
}

function full(record: Record<string, Json>): Json | undefined {
  return Object.keys(record).length === 0 ? undefined : record
}

/** Without what each of a list has by default. */
function shortened(given: Json | undefined, usual: Readonly<Record<string, Json>>): Record<string, Json>[] | undefined {
  const all = ((given ?? []) as Record<string, Json>[]).map((each) =>
    Object.fromEntries(Object.entries(each).filter(([name, value]) => !same(value, usual[name]))),
  )
  return all.length === 0 ? undefined : all
}

/** The network that it was started in comes first. */
function networksOf(shown: Shown, { HostConfig: { NetworkMode } }: ContainerJson): Json | undefined {
  const all = (shown.networks ?? []) as Record<string, Json>[]
  const isDefault = ["default", "bridge", ""].includes(NetworkMode) && all.length === 1 && all[0]?.name === "bridge"
  if (isDefault && all[0]?.address === undefined) return undefined
  const first = (each: Record<string, Json>): number => (each.name === NetworkMode ? 0 : 1)
  return shortened(
    [...all].sort((a, b) => first(a) - first(b)),
    { aliases: [] },
  )
}

function capabilitiesOf(shown: Shown): Json | undefined {
  const lists = Object.entries(shown.capabilities as Record<string, Json[]>)
  return full(Object.fromEntries(lists.filter(([, list]) => list.length > 0)))
}

function loggingOf(shown: Shown, usual: string): Json | undefined {
  const { driver, options } = shown.logging as { driver: string; options: Record<string, string> }
  const isPlain = Object.keys(options).length === 0
  if (isPlain && (driver === usual || driver === "")) return undefined
  return isPlain ? { driver } : { driver, options }
}

function dense(given: Readonly<Record<string, Json | undefined>>): Props {
  return Object.fromEntries(
    Object.entries(given).filter((each): each is [string, Value & Json] => each[1] !== undefined),
  )
}
