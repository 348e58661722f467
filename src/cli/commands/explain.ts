import { errorCodes, explain as explainCode, FettleError } from "../../errors.ts"
import type { Call } from "../call.ts"
import { pageFor, print, say, sayJson, tableLines } from "../print.ts"

/** Says what an error code means and what to do; without a code, lists them all. */
export async function explain(call: Call): Promise<number> {
  const given = call.args[0]
  const entries = errorCodes().map((code) => ({ code, ...(explainCode(code) as { means: string; next: string }) }))
  if (given === undefined) {
    if (call.options.json === true) sayJson(entries)
    else for (const line of tableLines(entries.map(({ code, means }) => [code, means]))) say(line)
    return 0
  }
  const found = entries.find(({ code }) => code === given.toUpperCase())
  if (found === undefined)
    throw new FettleError("CODE_UNKNOWN", `there is no error code ${JSON.stringify(given)}`, near(given, entries))
  if (call.options.json === true) sayJson(found)
  else {
    const page = pageFor(call)
    page.add([["bold", found.code], `  ${found.means}`], 2)
    page.add(["  ", ["cyan", "next  "], found.next], 8)
    print(page)
  }
  return 0
}

/** Codes that hold a word of what was typed. */
function near(given: string, entries: readonly { readonly code: string }[]): { next?: string } {
  const words = given
    .toUpperCase()
    .split(/[^A-Z]+/)
    .filter((word) => word.length > 2)
  const found = entries.map(({ code }) => code).filter((code) => words.some((word) => code.includes(word)))
  return found.length === 0 ? {} : { next: `there are ${found.slice(0, 5).join(", ")}` }
}
