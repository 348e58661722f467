import type { Plan, PlannedChange, PlannedFinding, PropDiff } from "../events/plan.ts"
import { count, several } from "./amounts.ts"
import { markdown, markdownLines } from "./markdown.ts"
import { COUNTED, signOf } from "./signs.ts"

/** GitHub and GitLab refuse a comment of 65,536 characters and more. */
const COMMENT_MAX = 60_000
/** Longest difference of one text, in characters. */
const TEXT_MAX = 4_000
/** Longest name in the mark, in characters: no name of ours is longer. */
const WORD_MAX = 200
/** Most props of one change. */
const PROPS_MAX = 20
/** Most findings of policies. */
const FINDINGS_MAX = 100
/** Longest value of a prop that differs, in characters, and of one that is to be: those are folded away. */
const VALUE_MAX = 120
const WANT_MAX = 1_000

/**
 * A plan as Markdown for a comment: short enough for one, and nothing of it is more than text. It begins with a mark by which the
 * comment of an earlier plan is found.
 * @param note what a reader must know before
 */
export function planMarkdown(plan: Plan, note: string | undefined): string {
  const { program, stage, changes, total } = plan
  const head = [
    markOf(plan),
    `### ${markdown(`${program} · ${stage}`)}: ${plannedText(changes)}`,
    ...(note === undefined ? [] : [`> ${markdown(note)}`]),
    ...(plan.findings === undefined ? [] : [findingsText(plan.findings)]),
  ].join("\n\n")
  if (changes.length === 0) return `${head}\n\n${several(total, "node")}, nothing to change.\n`
  const rows: string[] = []
  let length = head.length
  for (const change of changes) {
    const row = rowOf(change)
    if (length + row.length > COMMENT_MAX) break
    length += row.length + 1
    rows.push(row)
  }
  const left = changes.length - rows.length
  const more = left === 0 ? "" : `\n… and ${count(left)} more; fettle plan shows them.\n`
  return `${head}\n\n| | address | why |\n|---|---|---|\n${rows.join("\n")}\n${more}`
}

/** An HTML comment that only this program and stage have. */
function markOf({ program, stage }: Plan): string {
  const word = (text: string): string =>
    encodeURIComponent(text.slice(0, WORD_MAX).toWellFormed()).replaceAll("-", "%2D")
  return `<!-- fettle plan ${word(program)} ${word(stage)} -->`
}

/** How many changes of each action. */
export function plannedText(changes: readonly PlannedChange[]): string {
  const counted = COUNTED.map(
    (action) => [changes.filter((change) => change.action === action).length, signOf(action).ahead] as const,
  )
  const parts = counted.filter(([amount]) => amount > 0).map(([amount, word]) => `${count(amount)} ${word}`)
  const checks = changes.filter((change) => change.action === "check").length
  if (checks > 0) parts.push(several(checks, "check"))
  return parts.length === 0 ? "nothing" : parts.join(", ")
}

/** What policies have found, the first hundred. */
function findingsText(findings: readonly PlannedFinding[]): string {
  const lines = findings.slice(0, FINDINGS_MAX).map(({ policy, level, address, message }) => {
    const about = address === undefined ? "" : `${code(address)}: `
    return `- **${level === "deny" ? "denied" : "warned"}** by the policy ${code(policy)}: ${about}${markdown(message)}`
  })
  const left = findings.length - FINDINGS_MAX
  return [...lines, ...(left > 0 ? [`- … and ${count(left)} more`] : [])].join("\n")
}

function rowOf(change: PlannedChange): string {
  const { action, order, address, because, error, props = [], wants = [], text } = change
  const why = [
    markdown(error === undefined ? because : `${error.code}: ${error.fact}`),
    ...props.slice(0, PROPS_MAX).map(propText),
    ...(props.length > PROPS_MAX ? [`… and ${count(props.length - PROPS_MAX)} more props`] : []),
    ...(wants.length === 0 ? [] : [wantsText(wants)]),
    ...(text === undefined ? [] : [`<pre>${markdownLines(text, TEXT_MAX)}</pre>`]),
  ]
  return `| ${markdown(signOf(action, order).sign)} | ${code(address)} | ${why.join("<br>")} |`
}

function propText({ name, from, to, text }: PropDiff): string {
  if (text !== undefined) return `${code(name)}<pre>${markdownLines(text, TEXT_MAX)}</pre>`
  const was = from === undefined ? "" : `${code(from, VALUE_MAX)} → `
  return `${code(name)}: ${was}${to === undefined ? "nothing" : code(to, VALUE_MAX)}`
}

/** What is made anew, folded away: who reviews it opens it. */
function wantsText(wants: readonly PropDiff[]): string {
  const lines = wants
    .slice(0, PROPS_MAX)
    .map(({ name, to }) => `${code(name)}: ${to === undefined ? "nothing" : code(to, WANT_MAX)}`)
  const more = wants.length > PROPS_MAX ? [`… and ${count(wants.length - PROPS_MAX)} more props`] : []
  return `<details><summary>${several(wants.length, "prop")}</summary>${[...lines, ...more].join("<br>")}</details>`
}

function code(text: string, maxLength?: number): string {
  return `<code>${markdown(text, maxLength)}</code>`
}
