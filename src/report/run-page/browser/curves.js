// Releases: what was counted of both versions, look by look, and what it came to.

import { count, duration, el, fill, named, several, stateTag, svg, tookWords } from "./draw.js"

export function drawCurves({ nodes }) {
  const releases = nodes.filter(({ looks }) => looks !== undefined)
  if (releases.length > 0) fill("releases", ...releases.map(releasePart))
}

function releasePart(node) {
  const { address, looks, state, error } = node
  const ended = looks.decision.at(-1)
  const part = el("div", "", el("h3", "", named(address), " ", stateTag(state)))
  if (error !== undefined) part.append(el("p", "wrap", error.fact))
  part.append(
    el(
      "p",
      "wrap dim",
      `Last look: ${ended}${looks.sentence === "" || error?.fact.includes(looks.sentence) ? "" : `. ${looks.sentence}`}`,
    ),
    el(
      "p",
      "dim",
      `${several(looks.at.length, "look")}, ${several(new Set(looks.step).size, "step")}${node.spans === undefined ? "" : `, ${tookWords(node)}`}. Each dotted line upright begins another step.`,
    ),
  )
  for (const metric of looks.metrics) part.append(metricPart(looks, metric))
  return part
}

function metricPart(looks, metric) {
  const rate = ([requests, bad]) => (requests === 0 ? null : (100 * bad) / requests)
  const both = (title, unit, of) =>
    figure(looks, `${metric.name}: ${title}`, unit, [
      { name: "new version", style: "new", values: metric.candidate.map(of) },
      { name: "before it", style: "old", values: metric.baseline.map(of) },
    ])
  const log = (value) => (value === null || value <= 0 ? null : Math.log10(value))
  const limits = [looks.rollbackAt === undefined ? [] : [{ name: "goes back here", at: log(looks.rollbackAt) }]].flat()
  const evidence = figure(
    looks,
    `${metric.name}: evidence`,
    "×10^",
    [
      { name: "against it", style: "new", values: looks.evidence.map(log) },
      { name: "for it", style: "old", values: metric.promote.map(log) },
    ],
    limits,
  )
  return el(
    "div",
    "",
    el(
      "div",
      "curves",
      both("share that was bad", "%", rate),
      both("requests so far", "", ([requests]) => requests),
      evidence,
    ),
    numbers(looks, metric, rate),
  )
}

const CURVE = { width: 460, height: 200, left: 52, right: 92, top: 12, bottom: 26 }
/** On a small screen a drawing is as wide as that, so that its letters stay as large. */
const widthHere = () => Math.min(CURVE.width, document.getElementById("releases-body").clientWidth || CURVE.width)

/** A drawing of a few curves over time, named at their ends. The table below says the same in numbers. */
function figure(looks, title, unit, curves, limits = []) {
  const { height, left, right, top, bottom } = CURVE
  const width = widthHere()
  const all = [...curves.flatMap(({ values }) => values), ...limits.map(({ at }) => at)].filter(
    (value) => value !== null,
  )
  const [least, most] = [Math.min(0, ...all), Math.max(...all, unit === "%" ? 0.1 : 1)]
  const [from, to] = [looks.at[0], looks.at.at(-1)]
  const x = (at) => left + ((at - from) / Math.max(1, to - from)) * (width - left - right)
  const y = (value) => top + (1 - (value - least) / (most - least || 1)) * (height - top - bottom)
  const drawing = svg("svg", {
    viewBox: `0 0 ${width} ${height}`,
    class: "curve",
    role: "img",
    "aria-label": said(title, unit, curves),
  })
  for (const part of [0, 0.5, 1]) {
    const value = least + part * (most - least)
    drawing.append(
      svg("line", { x1: left, x2: width - right, y1: y(value), y2: y(value), class: "grid" }),
      svg(
        "text",
        { x: left - 6, y: y(value) + 4, "text-anchor": "end" },
        unit === "×10^" ? power(value) : `${short(value)}${unit}`,
      ),
    )
  }
  for (const [at, step] of looks.step.entries())
    if (at > 0 && step !== looks.step[at - 1])
      drawing.append(
        svg("line", { x1: x(looks.at[at]), x2: x(looks.at[at]), y1: top, y2: height - bottom, class: "step" }),
      )
  for (const { name, at } of limits)
    drawing.append(
      svg("line", { x1: left, x2: width - right, y1: y(at), y2: y(at), class: "limit" }),
      svg("text", { x: left + 4, y: y(at) + 13, class: "limitname" }, name),
    )
  const ends = []
  for (const { name, style, values } of curves) {
    const line = pathOver(values, looks.at, x, y)
    const last = values.findLastIndex((value) => value !== null)
    if (line === "" || last === -1) continue
    ends.push({ name, style, y: y(values[last]) + 4 })
    drawing.append(svg("path", { d: line, class: style }))
  }
  ends.sort((a, b) => a.y - b.y)
  if (ends.length === 2 && ends[1].y - ends[0].y < 14) ends[1].y = ends[0].y + 14
  for (const end of ends)
    drawing.append(
      svg("text", { x: width - right + 6, y: Math.min(end.y, height - 6), class: `${end.style}name` }, end.name),
    )
  drawing.append(
    svg("text", { x: left, y: height - 8 }, duration(from)),
    svg("text", { x: width - right, y: height - 8, "text-anchor": "end" }, duration(to)),
  )
  return el("figure", "", el("figcaption", "", title), drawing)
}

function pathOver(values, ats, x, y) {
  let line = ""
  let isDown = false
  for (const [index, value] of values.entries()) {
    if (value !== null) line += `${isDown ? "L" : "M"}${x(ats[index]).toFixed(1)} ${y(value).toFixed(1)}`
    isDown = value !== null
  }
  return line
}

function said(title, unit, curves) {
  const ends = curves.map(({ name, values }) => {
    const last = values.findLast((value) => value !== null)
    return `${name} ends at ${last === undefined ? "nothing" : unit === "×10^" ? power(last) : `${short(last)}${unit}`}`
  })
  return `${title}: ${ends.join(", ")}`
}

function short(value) {
  if (value >= 10_000) return `${Math.round(value / 100) / 10}k`
  return String(Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(2)))
}

/** A number that is given by its logarithm. */
function power(log) {
  return log > 4 || log < -4 ? `1e${Math.round(log)}` : short(10 ** log)
}

/** Rows of a table at most: looks in between are left out. */
const TABLE_ROWS = 100

function numbers(looks, metric, rate) {
  const details = el("details", "", el("summary", "", `${metric.name} in numbers`))
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(numberTable(looks, metric, rate))
  })
  return details
}

function numberTable(looks, metric, rate) {
  const head = ["after", "step", "new: requests", "bad", "share", "before it: requests", "bad", "share", "decision"]
  const step = Math.max(1, Math.ceil(looks.at.length / TABLE_ROWS))
  const body = el("tbody")
  for (const [at, ms] of looks.at.entries()) {
    if (at % step !== 0 && at !== looks.at.length - 1) continue
    const side = (counts) => {
      const share = rate(counts)
      return [count(counts[0]), count(counts[1]), share === null ? "" : `${short(share)}%`]
    }
    const cells = [
      duration(ms),
      String(looks.step[at] + 1),
      ...side(metric.candidate[at]),
      ...side(metric.baseline[at]),
    ]
    body.append(el("tr", "", ...cells.map((cell) => el("td", "n", cell)), el("td", "", looks.decision[at])))
  }
  const heads = head.map((text, at) => {
    const cell = el("th", at < head.length - 1 ? "n" : "", text)
    cell.scope = "col"
    return cell
  })
  const scroll = el("div", "scroll", el("table", "", el("thead", "", el("tr", "", ...heads)), body))
  scroll.tabIndex = 0
  scroll.setAttribute("role", "group")
  scroll.setAttribute("aria-label", `${metric.name} in numbers`)
  return scroll
}
