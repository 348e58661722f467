// The graph, with the state of each node, to be moved and zoomed by hand and by keys.

import {
  count,
  duration,
  el,
  facts,
  field,
  fill,
  inSteps,
  named,
  STATES,
  several,
  stateTag,
  svg,
  tookWords,
} from "./draw.js"
import { BOX, edgesOf, place } from "./graph-place.js"
import { MOVE, READABLE, Viewport, ZOOM } from "./graph-port.js"
import { keysTo, stateOf, UNITS_MAX, unitsOf } from "./graph-units.js"

export function drawGraph({ nodes, signs, hasEdges }) {
  if (nodes.length === 0) return
  new GraphView(nodes, signs, hasEdges).show()
}

class GraphView {
  constructor(nodes, signs, hasEdges) {
    this.nodes = nodes
    this.signs = signs
    this.hasEdges = hasEdges
    this.opened = new Set()
    this.dependants = nodes.map(() => [])
    for (const [at, { needs = [] }] of nodes.entries()) for (const need of needs) this.dependants[need].push(at)
  }

  show() {
    this.layer = svg("g", {})
    this.canvas = svg("svg", { role: "group", "aria-label": "Graph of the nodes" }, this.layer)
    this.canvas.tabIndex = 0
    this.canvas.setAttribute("aria-describedby", "graph-keys")
    this.frame = el("div", "graph", this.canvas)
    this.about = el("div")
    this.about.setAttribute("role", "status")
    fill("graph", this.bar(), this.frame, this.legend(), this.about)
    this.port = new Viewport(this.canvas, this.layer)
    this.canvas.addEventListener("keydown", (event) => this.key(event))
    this.draw()
    this.begin()
  }

  bar() {
    const button = (text, act, label) => {
      const made = el("button", "", text)
      made.type = "button"
      if (label) made.setAttribute("aria-label", label)
      made.addEventListener("click", act)
      return made
    }
    const find = el("input")
    find.type = "search"
    find.placeholder = "part of an address"
    find.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.find(find.value.trim().toLowerCase())
    })
    return el(
      "div",
      "bar",
      button("+", () => this.port.zoom(ZOOM.step), "Zoom in"),
      button("−", () => this.port.zoom(1 / ZOOM.step), "Zoom out"),
      button("Show all", () => this.port.fit(this.placed)),
      ...(this.nodes.length > UNITS_MAX
        ? [
            button("Close groups", () => {
              this.opened.clear()
              this.draw()
              this.begin()
            }),
          ]
        : []),
      field("Find", find),
      button("Go", () => this.find(find.value.trim().toLowerCase()), "Go to the next node that fits"),
    )
  }

  legend() {
    const states = [...new Set(this.nodes.map(({ state }) => state))]
    states.sort((a, b) => STATES[b][2] - STATES[a][2])
    const list = el(
      "ul",
      "legend",
      ...states.map((state) => el("li", "", el("span", `sign ${STATES[state][1]}`, STATES[state][0]), ` ${state}`)),
    )
    const edges = this.hasEdges
      ? "What stands left is needed by what it leads to; the thick line is the critical path. "
      : "This run does not tell what needs what. "
    const keys = el(
      "p",
      "dim",
      `${edges}Arrows move, + and − zoom, 0 shows all; Tab goes to the nodes, arrows from one to the next, Enter opens.`,
    )
    keys.id = "graph-keys"
    return el("div", "", list, keys)
  }

  draw(focused) {
    this.units = unitsOf(this.nodes, this.opened)
    this.edges = edgesOf(this.nodes, this.units)
    this.placed = place(this.units, this.edges)
    this.paths = this.edges.map((edge) => this.path(edge))
    this.boxes = this.units.map((unit, at) => this.box(unit, at))
    this.layer.replaceChildren(...this.paths, ...this.boxes)
    this.frame.style.height = `${this.port.heightFor(this.placed)}px`
    this.chosen = undefined
    const at = focused === undefined ? -1 : this.units.findIndex(({ members }) => members.includes(focused))
    this.makeReachable(Math.max(0, at))
    if (at >= 0) this.focus(at)
  }

  path({ from, to, critical }) {
    const [a, b] = [this.placed.spots[from], this.placed.spots[to]]
    const [x1, y1, x2, y2] = [a.x + BOX.width, a.y + BOX.height / 2, b.x, b.y + BOX.height / 2]
    const bend = Math.max(30, Math.abs(x2 - x1) / 2)
    return svg("path", {
      d: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`,
      class: critical ? "critical" : "",
    })
  }

  box(unit, at) {
    const { x, y } = this.placed.spots[at]
    const { state, amounts } = stateOf(this.nodes, unit.members)
    const [glyph, tone] = STATES[state]
    const isMany = unit.members.length > 1
    const node = this.nodes[unit.members[0]]
    const under = isMany
      ? `${several(unit.members.length, "node")}: ${amounts.map(([name, amount]) => `${count(amount)} ${name}`).join(", ")}`
      : [node.did?.join(", ") ?? (node.action === "none" ? "" : node.action), state, tookWords(node)]
          .filter(Boolean)
          .join(" · ")
    const name = isMany ? unit.name : node.address
    const shape = { x: 0, y: 0, width: BOX.width, height: BOX.height, rx: 7, class: "box" }
    const behind = isMany ? [svg("rect", { ...shape, x: 5, y: 5, class: "box many" })] : []
    const made = svg(
      "g",
      {
        class: `unit ${tone} ${isMany ? "" : state}`,
        transform: `translate(${x} ${y})`,
        role: "button",
        "aria-label": `${name}, ${under}${isMany ? ", opens" : ""}`,
        tabindex: -1,
      },
      svg("title", {}, `${name}\n${under}`),
      ...behind,
      svg("rect", shape),
      svg("text", { x: 18, y: 28, class: "glyph" }, `${glyph} `),
      windowOn(`${name} `, 6, "", NAME_LETTERS),
      windowOn(under, 25, "under", UNDER_LETTERS),
    )
    made.addEventListener("click", () => this.choose(at))
    return made
  }

  /** Of many units one is reached by Tab; arrows lead on from it. */
  makeReachable(at) {
    for (const [index, box] of this.boxes.entries()) box.setAttribute("tabindex", index === at ? 0 : -1)
  }

  focus(at) {
    this.makeReachable(at)
    this.boxes[at].focus({ preventScroll: true })
    this.port.show(this.placed.spots[at])
  }

  choose(at) {
    const { members, key } = this.units[at]
    if (members.length > 1) {
      this.opened.add(key)
      this.draw(members[0])
      return
    }
    for (const box of this.boxes) box.classList.remove("chosen")
    this.boxes[at].classList.add("chosen")
    for (const [index, { from, to }] of this.edges.entries())
      this.paths[index].classList.toggle("near", from === at || to === at)
    this.makeReachable(at)
    this.about.replaceChildren(this.aboutNode(members[0]))
  }

  aboutNode(at) {
    const node = this.nodes[at]
    const links = (positions) => {
      const list = el("ul")
      return inSteps(
        list,
        positions,
        (other) => {
          const button = el("button", "link address", this.nodes[other].address)
          button.type = "button"
          button.addEventListener("click", () => this.goTo(other))
          return el("li", "", button)
        },
        20,
      )
    }
    const { needs = [] } = node
    const of = this.dependants[at]
    return el(
      "div",
      "about",
      el("p", "", named(node.address), " ", stateTag(node.state)),
      facts([
        ["action", node.action === "none" ? "" : node.action],
        ["on", node.connection],
        ["took", node.spans === undefined ? "" : `${tookWords(node)}, from ${duration(node.spans[0][0])}`],
        ["because", node.change?.because],
        ["evidence", node.evidence],
        ["declared", node.change?.place],
        ["error", node.error === undefined ? "" : `${node.error.code}: ${node.error.fact}`],
      ]),
      ...(needs.length === 0 ? [] : [el("p", "dim", "It needs"), links(needs)]),
      ...(of.length === 0 ? [] : [el("p", "dim", "It is needed by"), links(of)]),
    )
  }

  goTo(node) {
    for (const key of keysTo(this.nodes, node)) this.opened.add(key)
    this.draw(node)
    this.choose(this.units.findIndex(({ members }) => members.length === 1 && members[0] === node))
  }

  find(text) {
    if (text === "") return
    const from = (this.found ?? -1) + 1
    const fits = (at) => this.nodes[at].address.toLowerCase().includes(text)
    const order = this.nodes.map((_node, at) => (at + from) % this.nodes.length)
    this.found = order.find(fits)
    if (this.found === undefined) this.about.replaceChildren(el("p", "dim", "No node fits."))
    else this.goTo(this.found)
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const at = this.boxes.indexOf(document.activeElement)
    const act = this.zoomKey(event.key) ?? (at === -1 ? this.moveKey(event.key) : this.walkKey(event.key, at))
    if (act === undefined) return
    event.preventDefault()
    act()
  }

  zoomKey(key) {
    if (key === "+" || key === "=") return () => this.port.zoom(ZOOM.step)
    if (key === "-") return () => this.port.zoom(1 / ZOOM.step)
    return key === "0" ? () => this.port.fit(this.placed) : undefined
  }

  moveKey(key) {
    const by = { ArrowLeft: [MOVE, 0], ArrowRight: [-MOVE, 0], ArrowUp: [0, MOVE], ArrowDown: [0, -MOVE] }[key]
    return by === undefined ? undefined : () => this.port.move(...by)
  }

  /** From one unit to the next: the nearest in the direction of the arrow. */
  walkKey(key, at) {
    if (key === "Enter" || key === " ") return () => this.choose(at)
    if (key === "Escape") return () => this.canvas.focus()
    const along = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key]
    if (along === undefined) return undefined
    const { spots } = this.placed
    let best
    for (const [other, spot] of spots.entries()) {
      const [dx, dy] = [spot.x - spots[at].x, spot.y - spots[at].y]
      const [ahead, aside] = along[0] === 0 ? [dy * along[1], Math.abs(dx)] : [dx * along[0], Math.abs(dy)]
      if (ahead <= 0) continue
      const far = ahead + aside * 2
      if (best === undefined || far < best.far) best = { other, far }
    }
    return () => best !== undefined && this.focus(best.other)
  }

  /** At first all of it; where nothing could be read then, the worst of it. */
  begin() {
    const { placed, port } = this
    port.fit(placed, READABLE)
    if (port.holds(placed)) return
    const worst = (at) => STATES[stateOf(this.nodes, this.units[at].members).state][2]
    const at = this.units.map((_unit, index) => index).reduce((a, b) => (worst(b) > worst(a) ? b : a))
    port.show(placed.spots[worst(at) >= STATES.skipped[2] ? at : 0], true)
    port.close(placed)
  }
}

/** Letters for which a box has room. */
const NAME_LETTERS = 28
const UNDER_LETTERS = 40

/** A text in its place in a box. Of a long name the end is seen, which tells more; what is read aloud is the whole. */
function windowOn(text, y, name, most) {
  const width = BOX.width - 40
  const isLong = name === "" && text.length > most
  const shown = svg(
    "text",
    { x: isLong ? width : 0, y: 13, class: name, "text-anchor": isLong ? "end" : "start" },
    text,
  )
  return svg("svg", { x: 34, y, width, height: 18 }, shown)
}
