import { createHash } from "node:crypto"
import { deflateRawSync } from "node:zlib"
import { logData } from "./drawn-logs.ts"
import { reportData } from "./drawn-run.ts"
import { html } from "./html.ts"
import { environmentHtml, headHtml, navHtml, partsOf, sectionsHtml, signsFor } from "./page-parts.ts"
import { pageScript, pageStyle } from "./page-script.ts"
import type { RunRecord } from "./run-record.ts"
import { troubleHtml } from "./trouble.ts"
import { verdictOf } from "./verdict.ts"

/**
 * A run as one HTML file that needs nothing else: no network, no other file. What comes from outside is text on it and never markup:
 * the little that is written as HTML is escaped, and the rest is data that the page's own script shows as text.
 *
 * @example writeFileSync("run.html", runPage(record, process.cwd()))
 */
export function runPage(record: RunRecord, root?: string): string {
  const verdict = verdictOf(record)
  const data = reportData(record, root)
  const logs = logData(record)
  const trouble = troubleHtml(record, root)
  const parts = partsOf(data, record.plan !== undefined, logs.length)
  const signs = signsFor(data.nodes.map(({ action, change }) => change?.action ?? action))
  const style = pageStyle()
  const script = pageScript()
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src ${hashOf(script)}; style-src ${hashOf(style)}; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<title>${html([verdict.word, record.started?.program, record.started?.stage].filter(Boolean).join(" · "))}</title>
<style>${style}</style>
</head>
<body>
<a class="skip" href="#content">To the content</a>
${headHtml(record, verdict)}
${navHtml(parts, trouble !== "")}
<main id="content" tabindex="-1">
${trouble}
<noscript><p>The parts below are drawn by the script of this page, which may not run here.</p></noscript>
${sectionsHtml(parts)}
${environmentHtml(record)}
</main>
<footer><p>Made by Fettle from the events of the run. Everything is in this file; it loads nothing.</p></footer>
<script type="text/plain" id="data">${packed({ ...data, signs })}</script>
<script type="text/plain" id="logdata">${logs.length === 0 ? "" : packed(logs)}</script>
<script>${script}</script>
</body>
</html>
`
}

/** Data in letters and digits alone: smaller than as it is, and nothing in it can end the element that it stands in. */
function packed(data: unknown): string {
  return deflateRawSync(JSON.stringify(data), { level: 9 }).toString("base64")
}

function hashOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`
}
