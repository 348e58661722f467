import type { ScriptRecord } from "../../connect/host/kind.ts"
import { FettleError } from "../../errors.ts"
import { notRoot } from "./not-root.ts"
import { type Manager, managers } from "./package-props.ts"
import { ENDS } from "./package-tool.ts"

/** One package as a manager's database has it. */
export interface PackageFacts {
  readonly architecture: string
  /** "installed", or how far dpkg came when it was cut off. */
  readonly status: string
  readonly version: string
}

/** What `readScript` told of many packages. */
export interface PackagesSeen {
  readonly manager: Manager
  readonly byName: ReadonlyMap<string, readonly PackageFacts[]>
  /** What the lists of the host would bring, where it was asked. */
  readonly newest: ReadonlyMap<string, string>
}

/** One answer serves all items of a read, which may be thousands: its text is taken apart once. */
const known = new WeakMap<ScriptRecord, PackagesSeen | FettleError>()

export function packagesOf(record: ScriptRecord): PackagesSeen | FettleError {
  const before = known.get(record)
  if (before !== undefined) return before
  const found = parse(record)
  known.set(record, found)
  return found
}

function parse({ exitCode, out }: ScriptRecord): PackagesSeen | FettleError {
  if (exitCode === ENDS.noManager) return noManager(out)
  const [first = "", ...lines] = out.split("\n")
  const manager = managers.find((each) => first === `manager=${each}`)
  if (exitCode !== 0 || manager === undefined)
    return new FettleError("READ_FAILED", `the packages of the host cannot be read: ${out.trim().slice(-500)}`)
  const byName = new Map<string, PackageFacts[]>()
  const newest = new Map<string, string>()
  for (const line of lines) {
    const [name = "", architecture, status, version] = line.split("\t")
    if (architecture !== undefined && status === undefined) newest.set(name, architecture)
    if (architecture === undefined || status === undefined || version === undefined) continue
    const facts = byName.get(name) ?? []
    if (facts.length === 0) byName.set(name, facts)
    facts.push({ architecture, status, version })
  }
  return { manager, byName, newest }
}

/** States of dpkg in which nothing is left to do, and those in which at most its configuration is there. */
const DONE: readonly string[] = ["installed", "triggers-awaited", "triggers-pending"]
const NONE: readonly string[] = ["not-installed", "config-files"]

/** One package among those found: what is installed, else what is half so; of several architectures the one that is named. */
export function packageOf(
  { byName }: PackagesSeen,
  name: string,
): (PackageFacts & { readonly done: boolean }) | undefined {
  const [plain = "", architecture] = name.split(":")
  const found = (byName.get(plain) ?? []).filter(
    (each) => !NONE.includes(each.status) && (architecture === undefined || each.architecture === architecture),
  )
  const one = found.findLast(({ status }) => DONE.includes(status)) ?? found[0]
  return one === undefined ? undefined : { ...one, done: DONE.includes(one.status) }
}

export function noManager(words: string): FettleError {
  return new FettleError("HOST_TOOLS", words.trim() || "the host has no package manager that fettle knows")
}

/** Why a script of packages ended before its work began, where it did. */
export function endedBefore({ exitCode, err }: ScriptRecord): FettleError | undefined {
  const words = err.trim()
  if (exitCode === ENDS.notRoot) return notRoot("change packages")
  if (exitCode === ENDS.noManager) return noManager(words)
  if (exitCode === ENDS.locked)
    return new FettleError("PACKAGES_LOCKED", `${words} works with the packages of the host`)
  return undefined
}
