import {
  type ChangeParts,
  type HostChange,
  hostKind,
  type RemovalParts,
  type ScriptRecord,
} from "../../connect/host/kind.ts"
import { FettleError } from "../../errors.ts"
import type { Change, Seen } from "../../provider.ts"
import {
  type PackageOutputs as Outputs,
  packageOutputs as outputs,
  packageProps as props,
  type PackageWant as Want,
} from "./package-props.ts"
import { installScript, readScript, removeScript } from "./package-scripts.ts"
import { endedBefore, packageOf, packagesOf } from "./package-seen.ts"
import { ENDS } from "./package-tool.ts"

/** Longest that a removal waits for others where the props are not known any more. */
const LOCK_WAIT_MS = 120_000

/**
 * A package of the system's own package manager. Those that are wanted at once are installed by one run of it. What was installed
 * before is not removed, and nothing else is ever removed along.
 * @example resource(host.package, { name: "nginx" }, { on: web })
 */
export const hostPackage = hostKind({
  kind: "host.package",
  version: 1,
  about: "A package of the system's package manager: apt, dnf (yum) or apk.",
  props,
  outputs,
  asserts: true,
  volatile: ["version"],
  /** A quarter of an hour: an office suite over a slow line, and two minutes of waiting for somebody else. */
  timeoutMs: 900_000,
  id: (want) => want.name,
  predict: (want) => ({ name: want.name }),
  question: ({ id, want, last }) => ({
    shared: {
      script: readScript(want?.manager ?? last?.props.manager, want?.latest === true),
      words: [nameOf(want?.name ?? id ?? last?.outputs.name ?? "")],
    },
  }),
  answer: ({ id, want, last }, found): Seen<Outputs> =>
    answer(want?.name ?? id ?? last?.outputs.name ?? "", found.shared as ScriptRecord),
  plan,
  change: (parts) => install([parts]),
  exclusive: () => "packages",
  together: ({ want }) => JSON.stringify([want.manager ?? "", want.recommends ?? "", want.startServices, want.latest]),
  changeAll: install,
  removal: (seen, last) => remove([{ seen, last }]),
  removedTogether: (parts) => JSON.stringify([managerOf(parts) ?? "", parts.last?.props.purge ?? false]),
  removalAll: remove,
  result: ({ script }, want) => {
    const at = answer(want.name, script as ScriptRecord)
    if ("outputs" in at && at.shown?.status === undefined && fits(want, at.outputs) && isNewest(want, at))
      return at.outputs
    if ("failed" in at) throw at.failed
    throw new FettleError("CHANGE_FAILED", `the package manager ended well, and ${notAsWanted(want, at)}`, {
      next: "give the name of a real package: another one may provide it under this name",
    })
  },
  failure,
})

/** dpkg-query is asked without the architecture, because it tells it. */
function nameOf(name: string): string {
  return name.replace(/:.*$/, "")
}

function answer(name: string, record: ScriptRecord): Seen<Outputs> {
  const packages = packagesOf(record)
  if (packages instanceof FettleError) return { failed: packages }
  const at = packageOf(packages, name)
  if (at === undefined) return { absent: true }
  const { manager } = packages
  return {
    outputs: { name, version: at.version, manager },
    ...(at.done ? newerThan(at.version, packages.newest.get(nameOf(name))) : { shown: { status: at.status } }),
  }
}

function newerThan(version: string, newest: string | undefined): { readonly shown?: { readonly newest: string } } {
  return newest === undefined || newest === version ? {} : { shown: { newest } }
}

function plan(want: Want, seen: Seen<Outputs>): Change<Want> {
  if (!("outputs" in seen)) return { action: "create" }
  if (seen.shown?.status !== undefined)
    return { action: "update", props: ["name"], because: `it is ${seen.shown.status}: an installation was cut off` }
  if (want.latest && typeof seen.shown?.newest === "string")
    return {
      action: "update",
      props: ["latest"],
      because: `it is ${seen.outputs.version}, and the package lists know ${seen.shown.newest}`,
    }
  return fits(want, seen.outputs)
    ? { action: "none" }
    : { action: "update", props: ["version"], because: `it is ${seen.outputs.version}, wanted ${want.version}` }
}

function isNewest({ latest }: Want, seen: Seen<Outputs>): boolean {
  return !latest || !("outputs" in seen) || seen.shown?.newest === undefined
}

function fits({ version: wanted }: Want, { version }: Outputs): boolean {
  if (wanted === undefined) return true
  return wanted.endsWith("*") ? version.startsWith(wanted.slice(0, -1)) : version === wanted
}

function notAsWanted(want: Want, seen: Seen<Outputs>): string {
  return "outputs" in seen
    ? `${want.name} is ${seen.shown?.status ?? seen.outputs.version}${isNewest(want, seen) ? "" : `, not ${seen.shown?.newest}`}`
    : `${want.name} is not there`
}

function install(all: readonly ChangeParts<Want, Outputs>[]): HostChange {
  const wants = all.map(({ want }) => want)
  const [{ manager, recommends, startServices }] = wants as [Want, ...Want[]]
  const ages = wants.flatMap(({ refreshAfterMinutes }) => refreshAfterMinutes ?? [])
  return {
    script: installScript({
      manager,
      recommends,
      startServices,
      packages: wants,
      refreshAfterMinutes: ages.length === 0 ? undefined : Math.min(...ages),
      lockWaitMs: Math.max(...wants.map(({ lockWaitMs }) => lockWaitMs)),
    }),
  }
}

function remove(all: readonly RemovalParts<Want, Outputs>[]): HostChange {
  const names = all.flatMap(({ seen, last }) => {
    const at = "outputs" in seen ? seen.outputs : last?.outputs
    return at === undefined || "absent" in seen ? [] : [at.name]
  })
  const [one] = all
  if (names.length === 0 || one === undefined) return {}
  const lockWaitMs = Math.max(...all.map(({ last }) => last?.props.lockWaitMs ?? LOCK_WAIT_MS))
  return { script: removeScript(managerOf(one), names, one.last?.props.purge ?? false, lockWaitMs) }
}

function managerOf({ seen, last }: RemovalParts<Want, Outputs>): Outputs["manager"] | undefined {
  return "outputs" in seen ? seen.outputs.manager : last?.outputs.manager
}

function failure(script: ScriptRecord, want: Want | undefined): FettleError | undefined {
  const before = endedBefore(script)
  if (before !== undefined) return before
  const { exitCode, err } = script
  const words = err.trim()
  const name = want?.name ?? "it"
  switch (exitCode) {
    case ENDS.unknown:
      return new FettleError("PACKAGE_UNKNOWN", `the host's repositories have no ${named(want)}`, {
        details: { words },
      })
    case ENDS.needed:
      return new FettleError("PACKAGE_NEEDED", `to remove ${name} would also remove ${words.slice(0, 500)}`)
    default:
      return undefined
  }
}

function named(want: Want | undefined): string {
  return want === undefined
    ? "such package"
    : `package ${want.name}${want.version === undefined ? "" : ` ${want.version}`}`
}
