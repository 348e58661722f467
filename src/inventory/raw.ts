import { FettleError } from "../errors.ts"

export type Vars = Readonly<Record<string, unknown>>

/** A group as it was written. */
export interface RawGroup {
  readonly hosts: Set<string>
  readonly children: Set<string>
  vars: Vars
}

/** An inventory of Ansible's as it was written, before anything is inherited. */
export class RawInventory {
  readonly hosts = new Map<string, Vars>()
  readonly groups = new Map<string, RawGroup>()

  host(name: string, vars: Vars = {}): void {
    this.hosts.set(name, { ...this.hosts.get(name), ...vars })
  }

  group(name: string): RawGroup {
    const known = this.groups.get(name)
    if (known !== undefined) return known
    const group: RawGroup = { hosts: new Set(), children: new Set(), vars: {} }
    this.groups.set(name, group)
    return group
  }

  groupVars(name: string, vars: Vars): void {
    const group = this.group(name)
    group.vars = { ...group.vars, ...vars }
  }
}

/** What is wrong with an inventory, and where. */
export function invalid(where: string, fact: string, cause?: unknown): FettleError {
  return new FettleError("INVENTORY_INVALID", `${where}: ${fact}`, { cause })
}

/** A value as an object. @throws FettleError `INVENTORY_INVALID` */
export function objectIn(value: unknown, where: string, what: string): Readonly<Record<string, unknown>> {
  if (value === null || value === undefined) return {}
  if (typeof value !== "object" || Array.isArray(value)) throw invalid(where, `${what} is not a mapping`)
  return value as Readonly<Record<string, unknown>>
}
