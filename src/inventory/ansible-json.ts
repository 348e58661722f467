import { invalid, objectIn, type RawInventory } from "./raw.ts"

/**
 * Reads what Ansible's inventory scripts and `ansible-inventory --list` print: groups, and the variables of hosts under `_meta`.
 * @throws FettleError `INVENTORY_INVALID`
 */
export function readAnsibleJson(data: unknown, where: string, into: RawInventory): void {
  const { _meta, ...groups } = objectIn(data, where, "the inventory")
  for (const [name, group] of Object.entries(groups)) {
    const known = into.group(name)
    const { hosts, children, vars } = Array.isArray(group) ? { hosts: group } : objectIn(group, where, `group ${name}`)
    for (const host of namesIn(hosts, where, `hosts of ${name}`)) {
      into.host(host)
      known.hosts.add(host)
    }
    for (const child of namesIn(children, where, `children of ${name}`)) {
      known.children.add(child)
      into.group(child)
    }
    into.groupVars(name, objectIn(vars, where, `vars of ${name}`))
  }
  const { hostvars } = objectIn(_meta, where, "_meta")
  for (const [host, vars] of Object.entries(objectIn(hostvars, where, "hostvars")))
    into.host(host, objectIn(vars, where, `the variables of ${host}`))
}

function namesIn(value: unknown, where: string, what: string): readonly string[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value) || !value.every((each) => typeof each === "string"))
    throw invalid(where, `${what} is no list of names`)
  return value
}
