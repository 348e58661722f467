import type { Instance } from "../connect/traffic.ts"
import type { InstanceAddress } from "../program/release-memory.ts"

/** The copies of one version. */
export interface VersionInstances {
  readonly version: string
  readonly instances: readonly InstanceAddress[]
}

/** What one copy is called with who sends the traffic: versions stand beside each other there. */
export function named(instance: InstanceAddress, version: string): Instance {
  const clean = `${version}.${instance.name}`.replace(/[^A-Za-z0-9_.-]/g, "_")
  return { name: clean, version, address: instance.address, port: instance.port }
}

/** All copies of a version, as who sends the traffic has them. */
export function serversOf(of: VersionInstances | undefined): readonly Instance[] {
  return (of?.instances ?? []).map((each) => named(each, of?.version ?? ""))
}

export function namesOf(servers: readonly Instance[]): readonly string[] {
  return servers.map(({ name }) => name)
}
