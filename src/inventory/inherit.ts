import { invalid, type RawInventory, type Vars } from "./raw.ts"

/** A host with all that it inherits. */
export interface Inherited {
  readonly name: string
  /** Every group it is in, those above them included; without `all` and `ungrouped`, which say nothing. */
  readonly groups: readonly string[]
  readonly vars: Vars
}

/** Variables from folders beside an inventory, which stand above what it says itself. */
export interface FolderVars {
  group(name: string): Vars
  host(name: string): Vars
}

/**
 * Hosts with the variables that Ansible would give them: groups from the outside in (of one depth by name), then the folder of each,
 * then the host's own.
 * @throws FettleError `INVENTORY_INVALID` where groups contain each other
 */
export function inherit(raw: RawInventory, folders: FolderVars, where: string): readonly Inherited[] {
  const parents = new Map<string, Set<string>>()
  const direct = new Map<string, Set<string>>()
  const add = (map: Map<string, Set<string>>, key: string, value: string): void => {
    const known = map.get(key)
    if (known === undefined) map.set(key, new Set([value]))
    else known.add(value)
  }
  for (const [name, { children, hosts }] of raw.groups) {
    for (const child of children) add(parents, child, name)
    for (const host of hosts) add(direct, host, name)
  }
  const depths = depthsOf(raw, parents, where)
  const varsOf = new Map<string, Vars>()
  const groupVars = (name: string): Vars => {
    const known = varsOf.get(name)
    if (known !== undefined) return known
    const made = { ...raw.groups.get(name)?.vars }
    varsOf.set(name, made)
    return made
  }
  const order = (a: string, b: string): number =>
    (depths.get(a) ?? 0) - (depths.get(b) ?? 0) || (a < b ? -1 : a > b ? 1 : 0)
  return [...raw.hosts].map(([name, own]): Inherited => {
    const all = new Set(["all"])
    const walk = [...(direct.get(name) ?? [])]
    for (const group of walk) {
      if (all.has(group)) continue
      all.add(group)
      walk.push(...(parents.get(group) ?? []))
    }
    const groups = [...all].sort(order)
    const layers = [...groups.map(groupVars), ...groups.map(folders.group), own, folders.host(name)]
    return {
      name,
      groups: groups.filter((each) => each !== "all" && each !== "ungrouped"),
      vars: Object.assign({}, ...layers),
    }
  })
}

/** How deep each group lies; `all` is above every other. */
function depthsOf(
  raw: RawInventory,
  parents: ReadonlyMap<string, ReadonlySet<string>>,
  where: string,
): Map<string, number> {
  const depths = new Map<string, number>([["all", 0]])
  const depthOf = (name: string, below: readonly string[]): number => {
    const known = depths.get(name)
    if (known !== undefined) return known
    if (below.includes(name)) throw invalid(where, `group ${name} is in itself`)
    const depth = 1 + Math.max(0, ...[...(parents.get(name) ?? [])].map((each) => depthOf(each, [...below, name])))
    depths.set(name, depth)
    return depth
  }
  for (const name of raw.groups.keys()) depthOf(name, [])
  return depths
}
