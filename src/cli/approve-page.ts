import { createHash } from "node:crypto"
import type { SavedPlan } from "../events/plan.ts"
import { escapeText } from "../report/escape.ts"
import { htmlText } from "../report/html-text.ts"

/** What a page says besides the plan. */
export interface PageFacts {
  readonly plan: SavedPlan
  /** The plan as it is shown on a terminal, without colours. */
  readonly text: string
  /** Who says yes with it. */
  readonly as: string
  readonly until: Date
  /** Comes back with the form: what was not shown here cannot be sent. */
  readonly form: string
}

const STYLE = `body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #111; background: #fff }
pre { font: 14px/1.4 ui-monospace, monospace; overflow: auto; border: 1px solid #999; padding: 1rem; direction: ltr; unicode-bidi: isolate }
dt { font-weight: 600; float: left; clear: left; width: 9rem } dd { margin: 0 0 0 9rem; overflow-wrap: anywhere }
button { font: inherit; padding: .6rem 1.5rem }`

/** Of what a page may load and do: its own style, and its own form. No script, also none of ours. */
export const HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": [
    "default-src 'none'",
    `style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'`,
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join("; "),
  "x-frame-options": "DENY",
  "x-content-type-options": "nosniff",
  "referrer-policy": "same-origin", // with less, a browser would not say where the form comes from
  "cache-control": "no-store",
}

/** The plan, who made it, and a button. To look at it says yes to nothing. */
export function askingPage({ plan, text, as, until, form }: PageFacts): string {
  const facts = [
    ["program", plan.program],
    ["stage", plan.stage],
    ["planned by", plan.saved.by],
    ["planned at", new Date(plan.saved.atMs).toISOString()],
    ["good until", new Date(plan.saved.expiresAtMs).toISOString()],
    ["hash", plan.hash],
    ["you approve as", as],
    ["this link", `works once, until ${until.toISOString()}`],
  ].map(([name = "", value = ""]) => `<dt>${html(name)}</dt><dd>${html(value)}</dd>`)
  const fields = [
    ["plan", plan.hash],
    ["form", form],
  ].map(([name = "", value = ""]) => `<input type="hidden" name="${name}" value="${html(value)}">`)
  return whole(
    "Approve this plan?",
    `<dl>${facts.join("")}</dl>\n<pre>${html(text, true)}</pre>\n<form method="post">${fields.join("")}<button>Approve this plan</button></form>`,
  )
}

/** A page that only says something. */
export function sayingPage(title: string, text: string): string {
  return whole(title, `<p>${html(text)}</p>`)
}

function whole(title: string, body: string): string {
  return `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>${html(title)}</title><style>${STYLE}</style></head>\n<body><h1>${html(title)}</h1>\n${body}\n</body></html>\n`
}

/** Text from a plan as text: what a terminal would obey is escaped first, then what a browser would. */
function html(text: string, keepNewlines = false): string {
  return htmlText(escapeText(text, { keepNewlines }))
}
