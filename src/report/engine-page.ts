import type {
  ContainerFound,
  EngineSurvey,
  ImageFound,
  NetworkFound,
  OwnedFound,
  PublishedFound,
  VolumeFound,
} from "../events/engine-survey.ts"
import { count, roughly, several, size } from "./amounts.ts"
import { engineAttention, isInLoop } from "./engine-attention.ts"
import { Page, type Span } from "./page.ts"
import type { SurveyLook } from "./survey-page.ts"
import { INDENT, joined, SurveyParts } from "./survey-parts.ts"

/** What was found of an Engine, as a person reads it: what wants attention first, then part by part. */
export function engineLines(survey: EngineSurvey, look: SurveyLook): string[] {
  const page = new Page(look)
  const shown = new Shown(page, survey, look.verbose)
  shown.head()
  shown.attention()
  shown.containers()
  shown.images()
  shown.volumes()
  shown.networks()
  shown.use()
  shown.unseen()
  return page.lines
}

class Shown {
  readonly #page: Page
  readonly #parts: SurveyParts
  readonly #survey: EngineSurvey
  readonly #verbose: boolean

  constructor(page: Page, survey: EngineSurvey, verbose: boolean) {
    this.#page = page
    this.#parts = new SurveyParts(page, verbose)
    this.#survey = survey
    this.#verbose = verbose
  }

  head(): void {
    const { engine, target, tookMs } = this.#survey
    const took = `looked for ${(tookMs / 1_000).toFixed(1)} s, nothing was written`
    const name = engine.name === "" || target.includes(engine.name) ? "" : ` on ${engine.name}`
    this.#page.add([["bold", target], name, ["dim", `  ${took}`]], INDENT)
    const version = `Docker Engine ${engine.version} (API ${engine.apiVersion})`
    const kernel = engine.kernel === "" ? [] : [`Linux ${engine.kernel}`]
    this.#line([version, engine.os, ...kernel, engine.architecture])
    const store = engine.storedOn === undefined ? engine.storage : `${engine.storage} on ${engine.storedOn}`
    this.#line([
      ...(engine.cpus > 0 ? [several(engine.cpus, "processor"), `${size(engine.memoryBytes)} memory`] : []),
      engine.folder === "" ? store : `${store} in ${engine.folder}`,
      engine.logging === "" ? "" : `logs to ${engine.logging}`,
      engine.rootless ? "rootless" : "",
      engine.userNamespaces ? "user namespaces" : "",
      engine.liveRestore ? "containers go on while it restarts" : "",
      engine.inSwarm ? "in a swarm" : "",
    ])
  }

  #line(facts: readonly string[]): void {
    this.#page.add(["  ", joined(facts.filter((fact) => fact !== ""))], INDENT)
  }

  attention(): void {
    this.#parts.attention(engineAttention(this.#survey))
  }

  containers(): void {
    const { containers, at, engine } = this.#survey
    if (containers === undefined) return
    const up = containers.filter(({ state }) => state === "running").length
    this.#parts.title("Containers", [`${count(up)} of ${count(containers.length)} run`, ...ownersOf(containers)])
    const rank = ({ state }: ContainerFound): number => (state === "running" ? 0 : state === "restarting" ? -1 : 1)
    const isRootless = engine.rootless || engine.userNamespaces
    this.#parts.list(
      [...containers].sort((a, b) => rank(a) - rank(b)),
      (each) => containerRow(each, Date.parse(at), isRootless),
    )
  }

  images(): void {
    const { images } = this.#survey
    if (images === undefined) return
    const unused = images.filter(({ used }) => used === false)
    const latest = images.filter(({ used, tags }) => used !== false && tags.some(isLatest))
    this.#parts.title("Images", [
      `${count(images.length)}, ${size(sum(images))}`,
      unused.length === 0 ? "" : `${count(unused.length)} unused, ${size(sum(unused))}`,
      latest.length === 0 ? "" : `${count(latest.length)} used as latest`,
    ])
    const shown = this.#verbose ? images : [...latest, ...unused.filter((each) => !latest.includes(each))]
    this.#parts.list(
      [...shown].sort((a, b) => b.sizeBytes - a.sizeBytes),
      imageRow,
    )
  }

  volumes(): void {
    const { volumes = [] } = this.#survey
    if (volumes.length === 0) return
    const unused = volumes.filter(({ used }) => used === false)
    this.#parts.title("Volumes", [
      count(volumes.length),
      unused.length === 0 ? "" : `${count(unused.length)} unused`,
      ...unnamed(volumes),
    ])
    this.#parts.list(this.#verbose ? volumes : volumes.filter(({ anonymous }) => !anonymous), volumeRow)
  }

  networks(): void {
    const own = this.#survey.networks?.filter(({ builtIn }) => !builtIn) ?? []
    if (own.length === 0) return
    this.#parts.title("Networks", [`${count(own.length)} besides the Engine's own`])
    this.#parts.list(own, networkRow)
  }

  use(): void {
    const { use } = this.#survey
    if (use === undefined) return
    this.#parts.title("Disk", [])
    this.#line([
      `images ${size(use.imagesBytes)}`,
      `containers ${size(use.containersBytes)}`,
      `volumes ${size(use.volumesBytes)}`,
      `build cache ${size(use.buildCacheBytes)}`,
    ])
  }

  unseen(): void {
    const { unseen } = this.#survey
    if (unseen.length === 0) return
    this.#parts.title("Not seen", [])
    this.#parts.list(unseen, ({ part, why }) => [["yellow", "?"], `${part}: ${why}`])
  }
}

function sum(images: readonly ImageFound[]): number {
  return images.reduce((all, { sizeBytes }) => all + sizeBytes, 0)
}

function isLatest(tag: string): boolean {
  return tag.endsWith(":latest")
}

/** Who made the containers: programs of Fettle, projects of compose, and people. */
function ownersOf(containers: readonly OwnedFound[]): readonly string[] {
  const fettle = containers.filter(({ owner }) => owner !== undefined).length
  const compose = containers.filter(({ owner, project }) => owner === undefined && project !== undefined).length
  const others = containers.length - fettle - compose
  return [
    fettle === 0 ? "" : `${count(fettle)} made by Fettle`,
    compose === 0 ? "" : `${count(compose)} by compose`,
    others === 0 || others === containers.length ? "" : `${count(others)} by others`,
  ]
}

function whose({ owner, project }: OwnedFound): readonly string[] {
  if (owner !== undefined) return [`of ${owner}`]
  return project === undefined ? [] : [`compose ${project}`]
}

function unnamed(volumes: readonly VolumeFound[]): readonly string[] {
  const all = volumes.filter(({ anonymous }) => anonymous)
  return all.length === 0 ? [] : [`${count(all.length)} without a name`]
}

function containerRow(found: ContainerFound, now: number, isRootless: boolean): readonly Span[] {
  const { name, image, state, more } = found
  const isBad = isInLoop(found, now) || state === "dead" || more?.health === "unhealthy"
  const sign: Span = isBad ? ["red", "×"] : state === "running" ? ["green", "●"] : ["dim", "○"]
  const words = [
    ...sinceOf(found, now),
    ...(more?.health === undefined || state !== "running" ? [] : [more.health]),
    ...portsOf(found),
    ...(more === undefined || more.restarts === 0 ? [] : [several(more.restarts, "restart")]),
    ...limitsOf(found, isRootless),
    ...whose(found),
  ]
  return [sign, name, imageName(image), ["dim", joined(words)]]
}

/** An id says no more by being long. */
function imageName(image: string): Span {
  return image.startsWith("sha256:") ? ["dim", image.slice("sha256:".length, "sha256:".length + 12)] : image
}

function sinceOf({ state, status, more }: ContainerFound, now: number): readonly string[] {
  const ago = (time: string | undefined): string => {
    const seconds = (now - Date.parse(time ?? "")) / 1_000
    return seconds < 60 ? "less than a minute" : roughly(seconds)
  }
  if (more === undefined) return [status]
  if (state === "running") return [`up ${ago(more.startedAt)}`]
  if (state === "exited") return [`ended with ${more.exitCode} ${ago(more.finishedAt)} ago`]
  return [state]
}

function limitsOf({ state, more }: ContainerFound, isRootless: boolean): readonly string[] {
  if (more === undefined || state !== "running") return []
  return [
    more.memoryBytes === undefined ? "no memory limit" : `at most ${size(more.memoryBytes)}`,
    ...(more.privileged ? ["PRIVILEGED"] : []),
    ...(more.root && !isRootless ? ["root"] : []),
  ]
}

/** What is open to all first, each port once: an address of IPv6 says the same again. */
function portsOf({ ports, hostNetwork }: ContainerFound): readonly string[] {
  if (hostNetwork) return ["the host's network"]
  return [...new Set(ports.map(portOf))].sort(
    (a, b) => Number(b.includes("everywhere")) - Number(a.includes("everywhere")),
  )
}

function portOf({ address, host, container, protocol }: PublishedFound): string {
  const port = `${host === container ? host : `${host}→${container}`}${protocol === "tcp" ? "" : `/${protocol}`}`
  if (/^(0\.0\.0\.0|::|)$/.test(address)) return `${port} everywhere`
  return /^(127\.|::1$)/.test(address) ? `${port} only here` : `${port} at ${address}`
}

function imageRow(found: ImageFound): readonly Span[] {
  const { tags, id, sizeBytes, used } = found
  const name: Span = tags.length === 0 ? imageName(id) : tags.join(", ")
  const words = [
    ...(used === false ? ["unused"] : []),
    ...(tags.length === 0 ? ["no tag"] : []),
    ...(tags.some(isLatest) ? ["latest says not which"] : []),
    ...whose(found),
  ]
  return [size(sizeBytes), name, ["dim", joined(words)]]
}

function volumeRow(found: VolumeFound): readonly Span[] {
  const { name, driver, used, sizeBytes, anonymous } = found
  const words = [
    ...(sizeBytes === undefined ? [] : [size(sizeBytes)]),
    ...(used === false ? ["unused"] : []),
    ...(driver === "local" ? [] : [driver]),
    ...whose(found),
  ]
  return [anonymous ? ["dim", name.slice(0, 12)] : name, ["dim", joined(words)]]
}

/** Containers of a network that are named. */
const MEMBERS_MAX = 6

function networkRow(found: NetworkFound): readonly Span[] {
  const { name, driver, internal, subnets, containers = [] } = found
  const more = containers.length - MEMBERS_MAX
  const members = `${containers.slice(0, MEMBERS_MAX).join(", ")}${more > 0 ? ` and ${count(more)} more` : ""}`
  const words = [
    driver,
    ...(internal ? ["internal"] : []),
    ...subnets,
    members === "" ? "unused" : members,
    ...whose(found),
  ]
  return [name, ["dim", joined(words)]]
}
