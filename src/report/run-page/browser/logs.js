// Logs, which are unpacked when somebody wants to read one.

import { count, el, field, fill, inSteps, named, onTyped, row, STATES, several, stateTag } from "./draw.js"
import { unpack } from "./unpack.js"

const STREAM_CLASSES = ["out", "err", "own", "gap"]
const STREAM_WORDS = ["", "error output", "told by Fettle", ""]
/** Lines drawn at once. */
const LOG_STEP = 500
/** Logs that are opened by themselves when something was found in them. */
const OPENED = 5

export function drawLogs({ nodes }) {
  const withLogs = nodes.map((node, at) => ({ node, at })).filter(({ node }) => node.lines !== undefined)
  if (withLogs.length === 0) return
  withLogs.sort((a, b) => STATES[b.node.state][2] - STATES[a.node.state][2])
  let unpacking
  const logs = () => {
    unpacking ??= unpack("logdata").then((all) => new Map(all))
    return unpacking
  }
  const search = el("input")
  search.type = "search"
  search.placeholder = "text in the logs"
  const said = el("span", "dim")
  said.setAttribute("role", "status")
  const place = el("div")
  const draw = async (text) => {
    if (text === "") {
      said.textContent = ""
      place.replaceChildren(inSteps(el("ul", "rows"), withLogs, (each) => logRow(each, logs, "")))
      return
    }
    const all = await logs()
    const found = withLogs
      .map((each) => ({
        ...each,
        hits: (all.get(each.at) ?? []).filter((line) => textOf(line).toLowerCase().includes(text)).length,
      }))
      .filter(({ hits }) => hits > 0)
    const hits = found.reduce((sum, each) => sum + each.hits, 0)
    said.textContent = hits === 0 ? "found nowhere" : `${several(hits, "line")} in ${several(found.length, "log")}`
    let opened = 0
    place.replaceChildren(
      inSteps(el("ul", "rows"), found, (each) => {
        const made = logRow(each, logs, text)
        if (opened++ < OPENED) made.firstChild.open = true
        return made
      }),
    )
  }
  onTyped(search, draw)
  draw("")
  fill("logs", el("div", "bar", field("Search", search), said), place)
}

function textOf(line) {
  return line
    .slice(1)
    .map((run) => (typeof run === "string" ? run : run[1]))
    .join("")
}

function logRow({ node, at, hits }, logs, text) {
  const [sign, tone] = STATES[node.state]
  const lines = hits === undefined ? several(node.lines, "line") : `${count(hits)} of ${several(node.lines, "line")}`
  return row(
    [el("span", `sign ${tone}`, sign), named(node.address), stateTag(node.state), el("span", "end", lines)],
    () => {
      const inside = el("div", "inside", el("p", "dim", "…"))
      logs().then((all) => inside.replaceChildren(logBox(all.get(at) ?? [], node.address, text)))
      return inside
    },
  )
}

function logBox(lines, address, text) {
  const fitting = text === "" ? lines : lines.filter((line) => textOf(line).toLowerCase().includes(text))
  const box = el("div", "log")
  box.tabIndex = 0
  box.setAttribute("role", "group")
  box.setAttribute("aria-label", `Log of ${address}`)
  // Of a log that is read in parts the end is what matters, but it begins at its beginning: the button says how much is left.
  return inSteps(box, fitting, (line) => logLine(line, text), LOG_STEP)
}

function logLine([stream, ...runs], text) {
  const made = el("div", STREAM_CLASSES[stream])
  if (STREAM_WORDS[stream]) made.title = STREAM_WORDS[stream]
  const marks = text === "" ? [] : marksIn(runs.map((run) => (typeof run === "string" ? run : run[1])).join(""), text)
  let at = 0
  for (const run of runs) {
    const [styles, piece] = typeof run === "string" ? ["", run] : run
    for (const [part, isMarked] of cut(piece, at, marks)) {
      const shown = isMarked ? el("mark", "", part) : part
      made.append(styles === "" ? shown : el("span", styles, shown))
    }
    at += piece.length
  }
  if (runs.length === 0) made.append(" ")
  return made
}

/** Where a text stands in a line. */
function marksIn(line, text) {
  const lower = line.toLowerCase()
  const marks = []
  // A letter may have another length in lower case; then places do not fit, and nothing is marked.
  if (lower.length !== line.length) return marks
  for (let at = lower.indexOf(text); at !== -1; at = lower.indexOf(text, at + text.length))
    marks.push([at, at + text.length])
  return marks
}

/** A piece that begins at a place of its line, cut where marks begin and end. */
function cut(piece, from, marks) {
  const parts = []
  let at = 0
  for (const [begin, end] of marks) {
    const [a, b] = [Math.max(0, begin - from), Math.min(piece.length, end - from)]
    if (b <= a || b <= at) continue
    if (a > at) parts.push([piece.slice(at, a), false])
    parts.push([piece.slice(Math.max(a, at), b), true])
    at = b
  }
  if (at < piece.length) parts.push([piece.slice(at), false])
  return parts
}
