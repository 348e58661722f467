import { FettleError } from "../errors.ts"
import type { Declaration } from "../program/declaration.ts"
import { RELEASE_KIND } from "../program/release.ts"
import { freshOf, NO_MEMORY, type ReleaseMemory } from "../program/release-memory.ts"
import type { Scope } from "../program/scope.ts"

/** The versions of one release that are to stay where they are, though the program no longer declares them. */
export interface StandingVersions {
  readonly prefix: string
  readonly versions: ReadonlySet<string>
}

/** For each release, which versions stand: what gets traffic, what is kept, and what is on its way. */
export function standingVersions(scope: Scope): readonly StandingVersions[] {
  return [...scope.declarations.values()].flatMap(({ address, versions }) =>
    versions === undefined
      ? []
      : [{ prefix: versions.prefix, versions: standing(scope.releases.get(address) ?? NO_MEMORY) }],
  )
}

function standing({ live, kept, underway }: ReleaseMemory): ReadonlySet<string> {
  const fresh = live === undefined || underway === undefined ? undefined : freshOf(live.version)
  const all = [live?.version, ...kept.map(({ version }) => version), underway, fresh]
  return new Set(all.filter((each) => each !== undefined))
}

/** How the addresses of the versions of a release begin; undefined for the address of something else. */
export function prefixOfVersions(address: string): string | undefined {
  const found = RELEASE.exec(address)
  return found === null ? undefined : `${found[1] ?? ""}${found[2]}@`
}

const RELEASE = new RegExp(`^(.*/)?${RELEASE_KIND.replace(".", "\\.")}\\[([^/]+)\\]$`)

/** Whether a recorded thing belongs to a version that stands. */
export function stands(address: string, all: readonly StandingVersions[]): boolean {
  return all.some(({ prefix, versions }) => {
    const version = versionIn(address, prefix)
    return version !== undefined && versions.has(version)
  })
}

/**
 * For each release, the version that is declared and has all traffic, with nothing on its way: what it no longer declares stands no more.
 * Not where it has lists, whose members are known only once the lists are.
 */
export function settledVersions(scope: Scope): readonly StandingVersions[] {
  const all = [...scope.declarations.values()]
  const lists = all.filter(({ type }) => type === "each")
  return all.flatMap(({ address, versions }) => {
    const { live, underway, backTo } = scope.releases.get(address) ?? NO_MEMORY
    if (versions === undefined || live?.version !== versions.own || underway !== undefined || backTo !== undefined)
      return []
    const { prefix, own } = versions
    return lists.some((each) => versionIn(each.address, prefix) === own) ? [] : [{ prefix, versions: new Set([own]) }]
  })
}

/** The version of a release that an address belongs to. */
export function versionIn(address: string, prefix: string): string | undefined {
  if (!address.startsWith(prefix)) return undefined
  const end = address.indexOf("/", prefix.length)
  return end === -1 ? undefined : address.slice(prefix.length, end)
}

/**
 * The program without what it declares for versions that have been rolled back: those are not made again by themselves, and what is
 * there of them goes.
 */
export function withoutRefused(scope: Scope): Scope {
  const refused = [...scope.declarations.values()].flatMap((each) =>
    each.versions !== undefined && isRefused(each, scope) ? [`${each.versions.prefix}${each.versions.own}/`] : [],
  )
  if (refused.length === 0) return scope
  const isIn = (address: string): boolean => refused.some((prefix) => address.startsWith(prefix))
  const left = [...scope.declarations].filter(([address]) => !isIn(address))
  const declarations = left.map(([address, each]) => {
    const needs = each.needs.filter((need) => !isIn(need))
    return [address, needs.length === each.needs.length ? each : { ...each, needs }] as const
  })
  return { ...scope, declarations: new Map(declarations) }
}

function isRefused({ address, versions }: Declaration, scope: Scope): boolean {
  return versions !== undefined && scope.releases.get(address)?.refused?.has(versions.own) === true
}

/** Why a release is not begun: its version has been rolled back. */
export function refusal(declaration: Declaration, scope: Scope): FettleError | undefined {
  if (!isRefused(declaration, scope)) return undefined
  const { own = "" } = declaration.versions ?? {}
  const { live, refused } = scope.releases.get(declaration.address) ?? NO_MEMORY
  const stays = live === undefined ? "" : `; ${live.version} has all traffic`
  const because = refused?.get(own) ?? ""
  const words = `${own} was rolled back${stays}${because === "" ? "" : `: ${because}`}`
  return new FettleError("RELEASE_REFUSED", words, { address: declaration.address, place: declaration.place })
}
