// What the graph draws: a few nodes each for itself, thousands as groups that open on demand.

import { count, STATES } from "./draw.js"

/** Units that are drawn at first, and of one group when it is opened. */
export const UNITS_MAX = 120
/** Members of a part of a group that is too large. */
const PART = 60

/** From fine to coarse: what makes nodes one group. */
const LEVELS = [
  (node) => node.address,
  ({ address }) => pathOf(address),
  ({ address }) => pathOf(address).replace(/\d+/g, "#"),
  ({ kind }) => kind,
  ({ kind }) => kind.split(".")[0],
]

/** `web/host.file` of `web/host.file[a]`. */
function pathOf(address) {
  const open = address.indexOf("[")
  return open === -1 ? address : address.slice(0, open)
}

/** Units of all nodes, with groups open whose keys are in `opened`. Each has its key, its name, and positions of members. */
export function unitsOf(nodes, opened) {
  const all = nodes.map((_node, at) => at)
  const level = all.length <= UNITS_MAX ? 0 : firstLevel(nodes, all)
  return partsOf(nodes, all, level, "").flatMap((unit) => openedOf(nodes, unit, opened))
}

function firstLevel(nodes, members) {
  for (let level = 1; level < LEVELS.length - 1; level += 1)
    if (new Set(members.map((at) => LEVELS[level](nodes[at]))).size <= UNITS_MAX) return level
  return LEVELS.length - 1
}

function partsOf(nodes, members, level, within) {
  const groups = new Map()
  for (const at of members) {
    const name = LEVELS[level](nodes[at])
    if (!groups.has(name)) groups.set(name, [])
    groups.get(name).push(at)
  }
  return [...groups].map(([name, of]) => ({ key: `${within}/${level}:${name}`, name, members: of, level, within }))
}

function openedOf(nodes, unit, opened) {
  if (unit.members.length === 1 || !opened.has(unit.key)) return [unit]
  return splitOf(nodes, unit).flatMap((each) => openedOf(nodes, each, opened))
}

/** The parts of a group: by the next finer level that tells them apart, or in slices where that would be too many. */
function splitOf(nodes, { key, name, members, level }) {
  for (let finer = level - 1; finer >= 0; finer -= 1) {
    const parts = partsOf(nodes, members, finer, key)
    if (parts.length === 1) continue
    if (parts.length <= UNITS_MAX) return parts
  }
  const size = Math.max(PART, Math.ceil(members.length / PART))
  const slices = []
  for (let from = 0; from < members.length; from += size) {
    const of = members.slice(from, from + size)
    const range = `${name} ${count(from + 1)}–${count(from + of.length)}`
    slices.push({ key: `${key}/${from}+${size}`, name: range, members: of, level: 1, within: key })
  }
  return slices
}

/** Keys of the groups that must be open for a node to be seen. */
export function keysTo(nodes, at) {
  const opened = new Set()
  for (;;) {
    const unit = unitsOf(nodes, opened).find(({ members }) => members.includes(at))
    if (unit === undefined || unit.members.length === 1) return opened
    opened.add(unit.key)
  }
}

/** The worst state among members, and how many have which. */
export function stateOf(nodes, members) {
  const amounts = new Map()
  for (const at of members) amounts.set(nodes[at].state, (amounts.get(nodes[at].state) ?? 0) + 1)
  const sorted = [...amounts].sort((a, b) => STATES[b[0]][2] - STATES[a[0]][2])
  return { state: sorted[0][0], amounts: sorted }
}
