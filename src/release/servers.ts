import { createHash } from "node:crypto"
import type { Instance } from "../connect/traffic.ts"
import type { InstanceAddress } from "../program/release-memory.ts"

/** The copies of one version. */
export interface VersionInstances {
  readonly version: string
  readonly instances: readonly InstanceAddress[]
}

/** Longest plain name; who sends the traffic may take no longer ones. */
const LONGEST = 80

/**
 * What one copy is called with who sends the traffic: versions stand beside each other there. Where the plain name could be that of
 * another copy, or of another version, too, it ends in a hash of both.
 */
export function named(instance: InstanceAddress, version: string): Instance {
  const plain = `${version}.${instance.name}`
  const isOwn = /^[A-Za-z0-9_.-]+$/.test(plain) && !/\.|^h-/.test(instance.name) && plain.length <= LONGEST
  const name = isOwn
    ? plain
    : `${plain.replace(/[^A-Za-z0-9_.-]/g, "_").slice(0, LONGEST)}.${hashOf(version, instance)}`
  return { name, version, address: instance.address, port: instance.port }
}

/** Its own part of the name, after a dot: no plain one has it there, for it begins with "h-". */
function hashOf(version: string, { name }: InstanceAddress): string {
  const text = JSON.stringify([version, name])
  return `h-${createHash("sha256").update(text).digest("hex").slice(0, 12)}`
}

/** All copies of a version, as who sends the traffic has them. */
export function serversOf(of: VersionInstances | undefined): readonly Instance[] {
  return (of?.instances ?? []).map((each) => named(each, of?.version ?? ""))
}

export function namesOf(servers: readonly Instance[]): readonly string[] {
  return servers.map(({ name }) => name)
}
