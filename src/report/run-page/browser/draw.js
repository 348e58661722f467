// What the other parts draw with. Text from outside goes through `textContent` alone: nothing here makes markup of a string.

const SVG = "http://www.w3.org/2000/svg"

/** An element with a class and what stands in it: texts or other elements. */
export function el(tag, name, ...children) {
  const made = document.createElement(tag)
  if (name) made.className = name
  made.append(...children)
  return made
}

/** An element of a drawing. */
export function svg(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value))
  made.append(...children)
  return made
}

/** A text in which a change of direction cannot reach what stands beside it. */
export function named(text, name = "address") {
  return el("bdi", name, text)
}

export function count(amount) {
  return String(Math.round(amount)).replace(/\B(?=(\d{3})+$)/g, ",")
}

export function several(amount, one, many = `${one}s`) {
  return `${count(amount)} ${amount === 1 ? one : many}`
}

/** As the terminal says it: 41ms, 4.2s, 1m 05s, 2h 10m. */
export function duration(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))}ms`
  if (ms < 9950) return `${(ms / 1000).toFixed(1)}s`
  const whole = Math.round(ms / 1000)
  const two = (amount) => String(amount).padStart(2, "0")
  if (whole < 60) return `${whole}s`
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`
  return `${Math.floor(whole / 3600)}h ${two(Math.floor((whole % 3600) / 60))}m`
}

/** How a state is shown: its sign, its tone, and how bad it is; the worst of a group stands for it. */
export const STATES = {
  failed: ["×", "bad", 9],
  no: ["✗", "bad", 9],
  "cut off": ["…", "bad", 8],
  blocked: ["×", "bad", 8],
  maybe: ["?", "odd", 7],
  inconclusive: ["?", "unsure", 6],
  skipped: ["·", "unsure", 5],
  planned: ["○", "calm", 4],
  done: ["✓", "good", 3],
  yes: ["✓", "good", 2],
  unchanged: ["=", "soft", 1],
}

/** How long the turns of a node took; undefined where it had none. */
export function tookOf({ spans }) {
  return spans?.reduce((sum, [, took]) => sum + took, 0)
}

/** The same in words; nothing where there is nothing to say. */
export function tookWords(node) {
  return node.spans === undefined ? "" : duration(tookOf(node))
}

export function stateTag(state) {
  return el("span", `tag ${STATES[state][1]}`, state)
}

/** Draws the first entries of a list, and a button for the next ones. */
export function inSteps(list, items, drawOne, most = 100) {
  const button = el("button", "more")
  button.type = "button"
  let at = 0
  let step = most
  const next = () => {
    const first = at
    list.append(...items.slice(at, at + step).map(drawOne))
    at = Math.min(items.length, at + step)
    const left = items.length - at
    step = Math.max(100, step) // who asks for more wants more
    button.hidden = left === 0
    button.textContent = left <= step ? `Show ${count(left)} more` : `Show ${count(step)} more of ${count(left)}`
    if (first > 0 && left === 0) focusOn(list.children[first])
  }
  button.addEventListener("click", next)
  next()
  return el("div", "", list, button)
}

function focusOn(element) {
  const target = element?.querySelector("summary, button, a, [tabindex]") ?? element
  if (target === undefined || target === null) return
  if (target === element) target.tabIndex = -1
  target.focus()
}

/** A row that opens; what is in it is drawn when it is opened first. */
export function row(summary, inside) {
  const details = el("details", "", el("summary", "", ...summary))
  details.addEventListener("toggle", () => {
    if (details.open && details.children.length === 1) details.append(inside())
  })
  return el("li", "", details)
}

/** Names with values, those without a value left out. */
export function facts(rows) {
  const list = el("dl", "")
  for (const [name, value] of rows)
    if (value !== undefined && value !== "") list.append(el("dt", "", name), el("dd", "", value))
  return list
}

export function errorFacts(error) {
  return error === undefined
    ? []
    : facts([
        ["error", error.code],
        ["fact", error.fact],
        ["cause", error.cause],
        ["declared", error.place],
        ["next", error.next],
      ])
}

/** A field with a label before it. */
export function field(label, input) {
  return el("label", "", label, input)
}

/** Waits until somebody has stopped typing. */
export function onTyped(input, act) {
  let timer
  input.addEventListener("input", () => {
    clearTimeout(timer)
    timer = setTimeout(() => act(input.value.trim().toLowerCase()), 150)
  })
}

/** Fills the part of the page of this name, where it is there. */
export function fill(id, ...content) {
  document.getElementById(`${id}-body`)?.replaceChildren(...content)
}
