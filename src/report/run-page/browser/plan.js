// The plan: each change with its diff.

import {
  count,
  el,
  errorFacts,
  facts,
  field,
  fill,
  inSteps,
  named,
  onTyped,
  row,
  STATES,
  several,
  stateTag,
  tookWords,
} from "./draw.js"

export function drawPlan({ nodes, signs }) {
  const changes = nodes.filter(({ change }) => change !== undefined)
  if (changes.length === 0) return fill("plan", el("p", "dim", "Everything is as the program says."))
  const search = el("input")
  search.type = "search"
  search.placeholder = "part of an address"
  const states = [...new Set(changes.map(({ state }) => state))].filter(
    (state) => STATES[state][2] >= STATES.skipped[2],
  )
  const actions = [...new Set(changes.map(({ change }) => change.action))]
  const select = el("select")
  select.append(new Option(`all (${count(changes.length)})`, ""))
  for (const action of actions) {
    const amount = changes.filter(({ change }) => change.action === action).length
    select.append(new Option(`${signs[action][2]} (${count(amount)})`, action))
  }
  for (const state of states) {
    const amount = changes.filter((node) => node.state === state).length
    select.append(new Option(`${state} (${count(amount)})`, `=${state}`))
  }
  const place = el("div")
  const said = el("p", "hidden")
  said.setAttribute("role", "status")
  const draw = () => {
    const text = search.value.trim().toLowerCase()
    const fitting = changes.filter(
      ({ address, change, state }) =>
        ["", change.action, `=${state}`].includes(select.value) && address.toLowerCase().includes(text),
    )
    said.textContent = several(fitting.length, "entry", "entries")
    place.replaceChildren(
      fitting.length === 0
        ? el("p", "dim", "No entry fits.")
        : inSteps(el("ul", "rows"), fitting, (node) => changeRow(node, signs), 40),
    )
  }
  onTyped(search, draw)
  select.addEventListener("change", draw)
  draw()
  fill("plan", el("div", "bar", field("Find", search), field("Show", select)), said, place)
}

function changeRow(node, signs) {
  const { change, address, state } = node
  const [sign, tone] = signs[change.action]
  const shown = change.action === "replace" && change.order === "create-first" ? "+/-" : sign
  const why = [
    change.cause === undefined || change.because.startsWith(change.cause) ? "" : change.cause,
    change.because,
  ]
  return row(
    [
      el("span", `sign ${tone}`, shown),
      named(address),
      el("span", "hidden", signs[change.action][2]),
      ...(state === "planned" ? [] : [stateTag(state)]),
      ...(node.did === undefined ? [] : [el("span", "why", `${node.did.join(", then ")};`)]),
      el("span", "why", why.filter(Boolean).join(": ")),
      el("span", "end", tookWords(node)),
    ],
    () => changeInside(node),
  )
}

function changeInside({ change, connection, error }) {
  const { props, drift, wants, text, place, id, from } = change
  const inside = el("div", "inside")
  if (error !== undefined) inside.append(errorFacts(error))
  if (drift !== undefined) inside.append(diffTable("Moved in the world", "recorded", "is", drift))
  const values = props?.filter(([, , , lines]) => lines === undefined) ?? []
  if (values.length > 0) inside.append(diffTable("To change", "is", "wanted", values))
  for (const [name, , , lines] of props ?? [])
    if (lines !== undefined) inside.append(el("p", "", name), textDiff(lines))
  if (wants !== undefined) inside.append(wantsTable(wants))
  if (text !== undefined) inside.append(textDiff(text))
  inside.append(
    facts([
      ["declared", place],
      ["on", connection],
      ["id", id],
      ["was", from],
    ]),
  )
  return inside
}

function diffTable(title, before, after, rows) {
  const body = el("tbody")
  for (const [name, from, to] of rows) {
    const head = el("th", "", name)
    head.scope = "row"
    body.append(el("tr", "", head, valueCell(from), valueCell(to)))
  }
  const heads = [title, before, after].map((text) => {
    const cell = el("th", "", text)
    cell.scope = "col"
    return cell
  })
  return el("div", "scroll", el("table", "props", el("thead", "", el("tr", "", ...heads)), body))
}

/** What is made, run or asked, as the program says it. */
function wantsTable(rows) {
  const body = el("tbody")
  for (const [name, value] of rows) {
    const head = el("th", "", name)
    head.scope = "row"
    body.append(el("tr", "", head, el("td", "mono lines", value)))
  }
  return el("div", "scroll", el("table", "props", body))
}

function valueCell(value) {
  return value === null ? el("td", "dim", "nothing") : el("td", "mono", value)
}

/** Lines of one diff that are drawn. */
const DIFF_LINES = 3000

/** Unified lines. Signs tell what colours tell. */
function textDiff(text) {
  const box = el("div", "diff")
  box.tabIndex = 0
  box.setAttribute("role", "group")
  box.setAttribute("aria-label", "Difference of text")
  const lines = text.replace(/\n$/, "").split("\n")
  for (const line of lines.slice(0, DIFF_LINES)) {
    const kind = /^(@@|--- |\+\+\+ |\\ )/.test(line) ? "hunk" : { "+": "plus", "-": "minus" }[line[0]]
    box.append(el("div", kind ?? "", line === "" ? " " : line))
  }
  if (lines.length > DIFF_LINES) box.append(el("div", "hunk", `… ${count(lines.length - DIFF_LINES)} more lines`))
  return box
}
