import { namesOf, splitPort } from "./ansible-ini.ts"
import { invalid, objectIn, type RawInventory, type Vars } from "./raw.ts"

/**
 * Reads the data of one of Ansible's YAML inventories: groups with `hosts`, `children` and `vars`.
 * @throws FettleError `INVENTORY_INVALID`
 */
export function readAnsibleYaml(data: unknown, where: string, into: RawInventory): void {
  const groups = objectIn(data, where, "the inventory")
  if (typeof groups.plugin === "string")
    throw invalid(
      where,
      `it configures the inventory plugin ${groups.plugin}, which only Ansible can run: give what \`ansible-inventory -i ${where} --list\` prints`,
    )
  for (const [name, group] of Object.entries(groups)) readGroup(name, group, where, into, [])
}

function readGroup(name: string, data: unknown, where: string, into: RawInventory, above: readonly string[]): void {
  if (above.includes(name)) throw invalid(where, `group ${name} is in itself`)
  const { hosts, children, vars, ...more } = objectIn(data, where, `group ${name}`)
  const [strange] = Object.keys(more)
  if (strange !== undefined)
    throw invalid(where, `group ${name} has ${JSON.stringify(strange)}; it takes hosts, children and vars`)
  const group = into.group(name)
  into.groupVars(name, objectIn(vars, where, `vars of ${name}`))
  for (const [pattern, own] of Object.entries(hostsOf(hosts, where, name))) {
    const [names, port] = splitPort(pattern)
    const given: Vars = objectIn(own, where, `host ${pattern}`)
    for (const host of namesOf(names, where)) {
      into.host(host, port === undefined ? given : { ansible_port: port, ...given })
      group.hosts.add(host)
    }
  }
  for (const [child, below] of Object.entries(objectIn(children, where, `children of ${name}`))) {
    group.children.add(child)
    readGroup(child, below, where, into, [...above, name])
  }
}

/** One host may stand there as a plain text. */
function hostsOf(hosts: unknown, where: string, name: string): Readonly<Record<string, unknown>> {
  return typeof hosts === "string" ? { [hosts]: null } : objectIn(hosts, where, `hosts of ${name}`)
}
