// Checks, with what they saw.

import { el, facts, fill, inSteps, named, row, STATES, stateTag, tookWords } from "./draw.js"

export function drawChecks({ nodes }) {
  const asked = nodes.filter(({ evidence }) => evidence !== undefined)
  asked.sort((a, b) => STATES[b.state][2] - STATES[a.state][2])
  fill("checks", inSteps(el("ul", "rows"), asked, checkRow, 20))
}

function checkRow(node) {
  const { address, state, evidence, measured, error, change } = node
  const [sign, tone] = STATES[state]
  const first = evidence.split("\n")[0]
  const head = [
    el("span", `sign ${tone}`, sign),
    named(address),
    stateTag(state),
    el("span", "why", first),
    el("span", "end", tookWords(node)),
  ]
  return row(head, () => {
    const inside = el("div", "inside")
    inside.append(
      facts([
        ["evidence", evidence],
        ["declared", error?.place ?? change?.place],
        ["next", error?.next],
      ]),
    )
    if (measured !== undefined) {
      const box = el("div", "log", el("div", "", measured))
      box.tabIndex = 0
      box.setAttribute("role", "group")
      box.setAttribute("aria-label", "What it measured")
      inside.append(box)
    }
    return inside
  })
}
