// Where units of the graph stand: what is needed to the left of what needs it.

export const BOX = { width: 240, height: 46, gapX: 72, gapY: 16 }
/** Units one under the other, before a layer goes on beside itself. */
const ROWS_MAX = 18
/** So often units are put nearer to what they are joined with. */
const SWEEPS = 4

/** Edges between units, each once, as pairs of positions. */
export function edgesOf(nodes, units) {
  const unitAt = new Map()
  for (const [at, { members }] of units.entries()) for (const member of members) unitAt.set(member, at)
  const edges = new Map()
  for (const [at, node] of nodes.entries())
    for (const need of node.needs ?? []) {
      const [from, to] = [unitAt.get(need), unitAt.get(at)]
      if (from === undefined || to === undefined || from === to) continue
      const key = from * units.length + to
      const isCritical = node.critical === true && nodes[need].critical === true
      edges.set(key, { from, to, critical: isCritical || edges.get(key)?.critical === true })
    }
  return [...edges.values()]
}

/** Gives each unit an x and a y. Groups may need each other; then the one whose first node comes first stands left. */
export function place(units, edges) {
  const first = units.map(({ members }) => members[0])
  const order = units.map((_unit, at) => at).sort((a, b) => first[a] - first[b])
  const into = units.map(() => [])
  const near = units.map(() => [])
  for (const { from, to } of edges) {
    near[from].push(to)
    near[to].push(from)
    if (first[from] < first[to]) into[to].push(from)
  }
  const layerOf = units.map(() => 0)
  for (const at of order) for (const from of into[at]) layerOf[at] = Math.max(layerOf[at], layerOf[from] + 1)
  const layers = []
  for (const at of order) {
    layers[layerOf[at]] ??= []
    layers[layerOf[at]].push(at)
  }
  straighten(layers, near)
  return columns(layers, units.length)
}

/** Sorts each layer by where that stands on average what its units are joined with. */
function straighten(layers, near) {
  const row = new Map()
  const number = (layer) => {
    for (const [at, unit] of layer.entries()) row.set(unit, at - layer.length / 2)
  }
  for (const layer of layers) number(layer)
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const sweeping = sweep % 2 === 0 ? layers : layers.toReversed()
    for (const layer of sweeping) {
      const middle = new Map(
        layer.map((unit) => {
          const rows = near[unit].map((other) => row.get(other))
          return [unit, rows.length === 0 ? row.get(unit) : rows.reduce((sum, each) => sum + each, 0) / rows.length]
        }),
      )
      layer.sort((a, b) => middle.get(a) - middle.get(b))
      number(layer)
    }
  }
}

function columns(layers, amount) {
  const spots = new Array(amount)
  const [stepX, stepY] = [BOX.width + BOX.gapX, BOX.height + BOX.gapY]
  const tallest = Math.min(ROWS_MAX, Math.max(0, ...layers.map((layer) => layer.length)))
  let x = 0
  for (const layer of layers) {
    const wide = Math.ceil(layer.length / ROWS_MAX)
    const rows = Math.ceil(layer.length / wide)
    for (const [at, unit] of layer.entries()) {
      const column = Math.floor(at / rows)
      spots[unit] = { x: x + column * (BOX.width + 20), y: ((tallest - rows) / 2 + (at % rows)) * stepY }
    }
    x += (wide - 1) * (BOX.width + 20) + stepX
  }
  return { spots, width: Math.max(BOX.width, x - BOX.gapX), height: Math.max(1, tallest) * stepY - BOX.gapY }
}
