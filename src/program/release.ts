import type { z } from "zod"
import { FettleError } from "../errors.ts"
import { shown } from "../policies/given.ts"
import type { AnyProvider, Connection } from "../provider.ts"
import { type Address, addressOf, checkName } from "./address.ts"
import type { Probe, Verdict } from "./check.ts"
import { type Node, NodeHandle } from "./declaration.ts"
import { type Input, isPlain, type Output } from "./output.ts"
import { here, type LazyPlace } from "./place.ts"
import { refuseElsewhere, refuseHere } from "./probe-place.ts"
import { fixProps } from "./props.ts"
import { freshOf, NO_MEMORY, type ReleaseMemory, slotFor } from "./release-memory.ts"
import { releaseProps } from "./release-props.ts"
import { releaseVersion, VERSION_KIND } from "./release-version.ts"
import { defineOutput, nodeAddress, withAfter } from "./resource.ts"
import { add, type Scope, scopeOf, useConnection } from "./scope.ts"
import { refuseAsync } from "./sync.ts"

export const RELEASE_KIND = "fettle.release"

/** The place of a version among those that are there at once. */
export interface VersionPlace {
  readonly version: string
  /** From 0; no two versions that are there have the same. For ports, say: `8080 + slot`. */
  readonly slot: number
}

/** One running copy of a version that can get traffic. */
export interface Instance {
  /** Tells it from the other copies of this version. */
  readonly name: string
  readonly address: Input<string>
  readonly port: Input<number>
}

/** A check of a release: a question, or a question with its waits and the place that it is asked from. */
export type ReleaseCheck =
  | Probe
  | {
      readonly probe: Probe
      readonly on?: Connection
      readonly within?: number | string
      readonly for?: number | string
      readonly every?: number | string
    }

type Given = z.input<typeof releaseProps>
type GivenMetric = NonNullable<Given["metrics"]>[string]
type GivenSource = GivenMetric["source"]

/** Where counts come from. A Prometheus server may be asked from a host: `on`. */
type MetricSource =
  | Extract<GivenSource, { readonly from: "traffic" }>
  | (Omit<Extract<GivenSource, { readonly from: "prometheus" }>, "on"> & { readonly on?: Connection })

/** One thing that is counted and compared: requests, and the bad ones among them. */
export type ReleaseMetric = Omit<GivenMetric, "source"> & { readonly source: MetricSource }

/** How a release goes. */
export interface ReleaseOptions
  extends Omit<
    Given,
    "version" | "slot" | "back" | "instances" | "fresh" | "traffic" | "checks" | "hooks" | "steps" | "metrics"
  > {
  /** The version that is to get all traffic: a tag, a commit, a date. Another text is another release. */
  readonly version: string
  /** Declares one version: everything that runs it. Gives its running copies. */
  readonly run: (place: VersionPlace) => readonly Instance[]
  /** Shares of the traffic in percent, the last one 100; or "rolling", one copy after the other. Default 5, 25, 100. */
  readonly steps?: readonly number[] | "rolling"
  /** Who sends the traffic. Without it a version gets all of it as soon as it runs, and is only checked. */
  readonly traffic?: { readonly on: Connection; readonly backend: string }
  /**
   * What is counted and compared. Default: errors, as who sends the traffic counts them.
   * @example { errors: { source: { from: "prometheus", url, requests: 'requests_total{version="{{version}}"}', bad: … } } }
   */
  readonly metrics?: Readonly<Record<string, ReleaseMetric>>
  /** Questions to the new version, asked before it gets any traffic, at each step, and before the next one. */
  readonly checks?: (instances: readonly Instance[]) => Readonly<Record<string, ReleaseCheck>>
  /** Commands at its turning points; `before` must end well. */
  readonly hooks?: {
    readonly before?: readonly (readonly string[])[]
    readonly promoted?: readonly (readonly string[])[]
    readonly rolledBack?: readonly (readonly string[])[]
  }
  readonly after?: readonly (Node | string)[]
}

/** A declared release. What is `after` it is not changed unless it says yes. */
export class ReleaseNode extends NodeHandle {
  /** The version that gets all traffic in the end. */
  declare readonly version: Output<string>
  declare readonly verdict: Output<Verdict>
  declare readonly sentence: Output<string>
}

const shape = { kind: RELEASE_KIND, props: releaseProps } as unknown as AnyProvider

/**
 * Brings a version to full traffic through checks, beside the version before it, and goes back by itself where it does not work.
 *
 * What `run` declares lies under `NAME@VERSION/`. It stays while the version gets traffic, and for `keep` versions after it.
 * @throws FettleError `PROPS_INVALID`, `NAME_INVALID`, `DUPLICATE_ADDRESS`
 * @example release("shop", { version: "1.4.2", traffic: { on: lb, backend: "shop" }, run: ({ version, slot }) => … })
 */
export function release(name: string, options: ReleaseOptions): ReleaseNode {
  const scope = scopeOf("release(…)", release)
  const place = here(release)
  if (!isPlain(options) || typeof options.run !== "function" || typeof options.version !== "string")
    throw new FettleError("PROPS_INVALID", `release ${name} needs a version and a function that runs it`, {
      place,
      next: 'release(name, { version: "1.4.2", run: ({ version, slot }) => [{ name, address, port }] })',
    })
  const address = nodeAddress(scope, shape, name, place)
  const { run, checks, traffic, after, metrics, version: _version, ...rest } = options
  const memory = scope.releases.get(address) ?? NO_MEMORY
  const reaches: Connection[] = []
  const slots = { ...memory.slots }
  const declare = (own: string, group = own): Built => {
    const slot = slotFor({ slots }, group)
    slots[group] = slot
    return declared(scope, name, address, { own, group, slot, run }, place)
  }
  const built = memory.backTo === undefined ? declare(options.version) : back(memory, address)
  const beside = isComparedFresh(options, memory, address, place) ? memory.live : undefined
  const fresh = beside === undefined ? undefined : declare(beside.version, freshOf(beside.version))
  if (traffic !== undefined) useConnection(scope, traffic.on, place)
  const asked = built.isBack ? {} : checksOf(checks?.(built.instances) ?? {}, reaches, address, place)
  refuseUncounted(metrics, traffic?.on, address, place)
  const counted = metricsOf(metrics, reaches, address, place)
  for (const each of reaches) useConnection(scope, each, place)
  const raw = {
    ...rest,
    version: built.version,
    slot: built.slot,
    ...(built.isBack ? { back: true } : {}),
    instances: built.instances,
    ...(fresh === undefined ? {} : { fresh: fresh.instances }),
    checks: asked,
    ...(counted === undefined ? {} : { metrics: counted }),
    ...(traffic === undefined ? {} : { traffic: { on: traffic.on.name, backend: traffic.backend } }),
  }
  const { props, needs, complete } = fixProps(shape, raw, address, place)
  add(scope, {
    address,
    type: "release",
    kind: RELEASE_KIND,
    provider: undefined,
    props,
    complete,
    connection: traffic?.on,
    ...(reaches.length === 0 ? {} : { reaches }),
    needs: withAfter([...new Set([...needs, ...built.nodes, ...(fresh?.nodes ?? [])])], after, address, place),
    options: {},
    renamedFrom: undefined,
    place,
    finally: [],
    versions: { prefix: [...scope.path, `${name}@`].join("/"), own: built.version, ...fromOf(memory) },
  })
  return new ReleaseNode(address)
}

function fromOf({ live }: ReleaseMemory): { readonly from?: string } {
  return live === undefined ? {} : { from: live.version }
}

interface Built extends VersionPlace {
  readonly instances: readonly Instance[]
  readonly nodes: readonly Address[]
  readonly isBack: boolean
}

/**
 * Whether copies of the version that has the traffic are started beside the new one.
 * @throws FettleError `PROPS_INVALID` where nothing could be shared out between them
 */
function isComparedFresh(
  { baseline, traffic, steps, version, metrics }: ReleaseOptions,
  { live, refused, backTo }: ReleaseMemory,
  address: Address,
  place: LazyPlace,
): boolean {
  if (baseline !== "fresh") return false
  if (traffic === undefined || steps === "rolling")
    throw new FettleError("PROPS_INVALID", `${address}: baseline "fresh" needs traffic, and steps in percent`, {
      place,
      next: 'give traffic, and steps such as [5, 25, 100]; or leave out baseline: "current" is the default',
    })
  const byVersion = Object.entries(metrics ?? {}).find(([, metric]) => !tellsCopiesApart(Object(metric).source))
  if (byVersion !== undefined)
    throw new FettleError(
      "PROPS_INVALID",
      `${address}: metrics.${byVersion[0]} cannot tell fresh copies of a version from others of it`,
      {
        place,
        next: 'count by their addresses: instance=~"{{instances}}" in both queries',
      },
    )
  return live !== undefined && live.version !== version && refused?.has(version) !== true && backTo === undefined
}

/** Fresh copies have the version of those that run: only their addresses are their own. */
function tellsCopiesApart(source: MetricSource | undefined): boolean {
  if (source?.from !== "prometheus") return true
  return [source.requests, source.bad].every(
    (query) => !query.includes("{{version}}") || query.includes("{{instances}}"),
  )
}

/** What is declared in a group: a version, and what the group is called after the name of the release. */
interface VersionGroup {
  readonly own: string
  readonly group: string
  readonly slot: number
  readonly run: ReleaseOptions["run"]
}

/** Declares a version in a group of its own; everything in it needs the place of the version. */
function declared(
  scope: Scope,
  name: string,
  address: Address,
  { own: version, group: label, slot, run }: VersionGroup,
  place: LazyPlace,
): Built {
  const group = `${name}@${label}`
  checkName(group, "group")
  const known = new Set(scope.declarations.keys())
  const inner = addressOf([...scope.path, group], VERSION_KIND, name)
  addPlace(scope, inner, { release: address, version: label, slot }, place)
  scope.path.push(group)
  scope.needed.push(inner)
  let instances: readonly Instance[]
  try {
    instances = run({ version, slot })
    refuseAsync(instances, `the function of release ${name}`, place)
  } finally {
    scope.path.pop()
    scope.needed.pop()
  }
  if (!Array.isArray(instances))
    throw new FettleError("PROPS_INVALID", `release ${name}: run gave ${shown(instances)} in place of a list`, {
      place,
      next: "give the running copies: [{ name, address, port }]; an empty list where nothing gets traffic",
    })
  const nodes = [...scope.declarations.keys()].filter((each) => !known.has(each))
  return { version, slot, instances, nodes, isBack: false }
}

function addPlace(scope: Scope, address: Address, raw: object, place: LazyPlace): void {
  const { props, needs, complete } = fixProps(releaseVersion as unknown as AnyProvider, raw, address, place)
  scope.providers.set(VERSION_KIND, releaseVersion as unknown as AnyProvider)
  add(scope, {
    address,
    type: "resource",
    kind: VERSION_KIND,
    provider: releaseVersion as unknown as AnyProvider,
    props,
    complete,
    connection: undefined,
    needs,
    options: {},
    renamedFrom: undefined,
    place,
    finally: [],
  })
}

/** Nothing is declared for a version that is to come back: it still runs, as it was made. */
function back(memory: Pick<ReleaseMemory, "backTo" | "live" | "kept">, address: Address): Built {
  const all = [...(memory.live === undefined ? [] : [memory.live]), ...memory.kept]
  const kept = all.find(({ version }) => version === memory.backTo)
  if (kept !== undefined) return { ...kept, nodes: [], isBack: true }
  const names = memory.kept.map(({ version }) => version).join(", ")
  throw new FettleError("RELEASE_NOT_KEPT", `${address} keeps no version ${memory.backTo}`, {
    next: names === "" ? "it keeps none: release it again" : `it keeps ${names}`,
  })
}

/** @param reaches gets the connections that the checks are asked through */
function checksOf(
  given: unknown,
  reaches: Connection[],
  address: Address,
  place: LazyPlace,
): Readonly<Record<string, unknown>> {
  if (!isPlain(given))
    throw new FettleError("PROPS_INVALID", `${address}: checks gave ${shown(given)} in place of an object`, { place })
  const entries = Object.entries(given as Readonly<Record<string, ReleaseCheck>>).map(([name, check]) => {
    const isBare = !isPlain(check) || typeof (check as Probe).probe === "string"
    const { on, ...rest } = (isBare ? { probe: check } : check) as Exclude<ReleaseCheck, Probe>
    if (on === undefined) refuseHere(rest.probe, `${address}: ${name}`, place)
    refuseElsewhere(rest.probe, on, `${address}: ${name}`, place)
    if (on === undefined) return [name, rest] as const
    if (!reaches.includes(on)) reaches.push(on)
    return [name, { ...rest, on: on.name }] as const
  })
  return Object.fromEntries(entries)
}

/** @param reaches gets the connections that counts are asked through */
function metricsOf(
  given: ReleaseOptions["metrics"],
  reaches: Connection[],
  address: Address,
  place: LazyPlace,
): unknown {
  if (!isPlain(given)) return given
  const entries = Object.entries(given as Readonly<Record<string, ReleaseMetric>>).map(([name, metric]) => {
    const on = Object(metric?.source).on as Connection | undefined
    if (on === undefined) return [name, metric] as const
    refuseElsewhere({ probe: "prometheus" }, on, `${address}: metrics.${name}`, place)
    if (!reaches.includes(on)) reaches.push(on)
    return [name, { ...metric, source: { ...metric.source, on: on.name } }] as const
  })
  return Object.fromEntries(entries)
}

/** @throws FettleError `PROPS_INVALID` where who sends the traffic counts no latencies at such an edge */
function refuseUncounted(
  metrics: ReleaseOptions["metrics"],
  on: Connection | undefined,
  address: Address,
  place: LazyPlace,
): void {
  const edges = on?.latencyEdgesMs
  if (edges === undefined || !isPlain(metrics)) return
  for (const [name, metric] of Object.entries(metrics as Readonly<Record<string, ReleaseMetric>>)) {
    const { from, slowerThanMs } = Object(metric?.source) as { from?: unknown; slowerThanMs?: unknown }
    if (from !== "traffic" || typeof slowerThanMs !== "number" || edges.includes(slowerThanMs)) continue
    const [words, next] =
      edges.length === 0
        ? ["counts no latencies", "count them from Prometheus"]
        : [`counts latencies at ${edges.join(", ")} ms, not at ${slowerThanMs} ms`, "give slowerThanMs one of these"]
    throw new FettleError("PROPS_INVALID", `${address}: metrics.${name}: ${on?.name} ${words}`, { place, next })
  }
}

for (const key of ["version", "verdict", "sentence"]) defineOutput(ReleaseNode.prototype, key)
