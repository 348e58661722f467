// The time line: what the end waited for, how each connection was used, and each node.

import { duration, el, fill, inSteps, named, STATES, several, tookOf } from "./draw.js"

export function drawTime({ nodes, reads, durationMs, hasEdges }) {
  const worked = nodes.filter(({ spans }) => spans !== undefined)
  if (worked.length === 0) return
  const whole = Math.max(durationMs, ...worked.flatMap(({ spans }) => spans.map(([begin, took]) => begin + took)), 1)
  const critical = worked.filter((node) => node.critical).sort((a, b) => beginOf(a) - beginOf(b))
  fill(
    "time",
    ...(hasEdges ? criticalPart(critical, whole) : []),
    ...connectionPart(worked, reads, whole),
    ...nodePart(worked, whole),
  )
}

function criticalPart(critical, whole) {
  const busy = critical.reduce((sum, node) => sum + node.spans[0][1], 0)
  const about = `${several(critical.length, "node")}, ${duration(busy)} of ${duration(whole)} at work`
  return [
    heading("Critical path", about),
    el("p", "dim", "The chain that the end waited for: to be faster, one of these must be."),
    lanesOf(critical, whole, nodeLane),
  ]
}

function connectionPart(worked, reads, whole) {
  const byName = new Map()
  const of = (name) => {
    if (!byName.has(name)) byName.set(name, { name, spans: [], reads: [], nodes: 0 })
    return byName.get(name)
  }
  for (const { connection = "", spans } of worked) {
    const each = of(connection)
    each.nodes += 1
    for (const [begin, took] of spans) each.spans.push([begin, begin + took])
  }
  for (const { connection, begin, took } of reads) of(connection).reads.push([begin, begin + took])
  const used = [...byName.values()].map((each) => {
    const spans = merged(each.spans, whole)
    return { ...each, spans, reads: merged(each.reads, whole), busy: spans.reduce((sum, [a, b]) => sum + b - a, 0) }
  })
  used.sort((a, b) => b.busy - a.busy)
  return [
    heading("Connections", several(used.length, "connection")),
    el("p", "dim", "In colour: changes and checks. Grey: reading what is there."),
    lanesOf(used, whole, connectionLane),
  ]
}

function nodePart(worked, whole) {
  const place = el("div")
  const draw = (byTime) => {
    const order = byTime ? (a, b) => beginOf(a) - beginOf(b) : (a, b) => tookOf(b) - tookOf(a)
    place.replaceChildren(lanesOf([...worked].sort(order), whole, nodeLane))
  }
  const buttons = [
    ["as they began", true],
    ["longest first", false],
  ].map(([word, byTime]) => {
    const button = el("button", "", word)
    button.type = "button"
    button.setAttribute("aria-pressed", String(byTime))
    button.addEventListener("click", () => {
      for (const each of buttons) each.setAttribute("aria-pressed", String(each === button))
      draw(byTime)
    })
    return button
  })
  draw(true)
  const bar = el("div", "bar", ...buttons)
  bar.setAttribute("role", "group")
  bar.setAttribute("aria-label", "Order of the nodes")
  return [heading("Nodes", several(worked.length, "node")), bar, place]
}

function heading(text, about) {
  return el("h3", "", text, el("small", "", about))
}

function lanesOf(items, whole, draw) {
  const axis = el("div", "axis", ...[0, 0.25, 0.5, 0.75, 1].map((part) => el("span", "", duration(part * whole))))
  axis.setAttribute("aria-hidden", "true")
  return el(
    "div",
    "",
    axis,
    inSteps(el("ul", "lanes"), items, (item) => draw(item, whole), 20),
  )
}

function beginOf({ spans }) {
  return spans[0][0]
}

function nodeLane(node, whole) {
  const { address, spans, state, critical, did = [] } = node
  const label = named(address)
  label.title = address
  return el(
    "li",
    critical ? "critical" : "",
    label,
    lane(
      spans.map(([begin, took]) => [begin, begin + took]),
      whole,
      STATES[state][1],
    ),
    el(
      "span",
      "n",
      duration(tookOf(node)),
      el(
        "span",
        "hidden",
        ` from ${duration(beginOf(node))}, ${[...did, state].join(", ")}${critical ? ", on the critical path" : ""}`,
      ),
    ),
  )
}

function connectionLane({ name, spans, reads, busy, nodes }, whole) {
  const label = el("span", "address", name === "" ? "no connection" : named(name, ""))
  const bars = lane(spans, whole, "calm")
  bars.prepend(...lane(reads, whole, "read").children)
  return el(
    "li",
    "",
    label,
    bars,
    el("span", "n", duration(busy), el("span", "hidden", ` at work on ${several(nodes, "node")}`)),
  )
}

/** Bars of spans of time. What is for eyes alone is said in words beside it. */
function lane(spans, whole, name) {
  const made = el("div", "lane")
  made.setAttribute("aria-hidden", "true")
  for (const [from, to] of spans) {
    const bar = el("i", name)
    bar.style.left = `${Math.min(99.5, (100 * from) / whole)}%`
    bar.style.width = `${Math.max(0, Math.min(100 - (100 * from) / whole, (100 * (to - from)) / whole))}%`
    made.append(bar)
  }
  return made
}

/** Spans that touch, or are so near that nobody would see a gap, as one. */
function merged(spans, whole) {
  const result = []
  for (const [from, to] of [...spans].sort((a, b) => a[0] - b[0])) {
    const last = result.at(-1)
    if (last !== undefined && from <= last[1] + whole / 500) last[1] = Math.max(last[1], to)
    else result.push([from, to])
  }
  return result
}
