import { readFileSync } from "node:fs"
import { causeText } from "../errors.ts"
import type { LineAt } from "./compose-text.ts"

/** Ends reading. */
export type Refuse = (at: readonly PropertyKey[], fact: string) => never

/** What a file says, and in which line it says something. */
export async function yamlOf(
  file: string,
  refuse: Refuse,
): Promise<{ readonly tree: unknown; readonly lineAt: LineAt }> {
  const { parseDocument, LineCounter, isMap, isScalar } = await import("yaml")
  const text = readText(file, refuse)
  const lines = new LineCounter()
  const document = parseDocument(text, { merge: true, logLevel: "silent", lineCounter: lines })
  const [error] = document.errors
  if (error !== undefined) refuse([], error.message.split("\n", 1)[0] ?? "it is no YAML")
  try {
    const tree: unknown = document.toJS() // where aliases multiply without end, it throws
    const lineAt = (path: readonly PropertyKey[]): number | undefined => {
      const above = document.getIn(path.slice(0, -1), true)
      const key = isMap(above)
        ? above.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === String(path.at(-1)))?.key
        : document.getIn(path, true)
      const range = (key as { range?: readonly number[] | null } | undefined)?.range
      return range?.[0] === undefined ? undefined : lines.linePos(range[0]).line
    }
    return { tree: withMaps(withoutNotes(tree)), lineAt }
  } catch (thrown) {
    return refuse([], causeText(thrown))
  }
}

export function readText(file: string, refuse: Refuse): string {
  try {
    return readFileSync(file, "utf8")
  } catch (thrown) {
    return refuse([], `${file} cannot be read: ${causeText(thrown)}`)
  }
}

/** Fields whose keys are names that the file gives: one may begin with x- as any other. */
const NAMING = new Set(
  "services networks volumes secrets configs depends_on labels environment args options driver_opts sysctls extra_hosts".split(
    " ",
  ),
)

/** Fields that begin with x- are for others. */
function withoutNotes(value: unknown, holder = ""): unknown {
  if (Array.isArray(value)) return value.map((each) => withoutNotes(each))
  if (typeof value !== "object" || value === null) return value
  const isNaming = NAMING.has(holder)
  const fields = Object.entries(value).filter(([key]) => isNaming || !key.startsWith("x-"))
  return Object.fromEntries(fields.map(([key, each]) => [key, withoutNotes(each, isNaming ? "" : key)]))
}

/** Environments that are lists of NAME=VALUE as mappings: so a secret can be all of a value. */
function withMaps(tree: unknown, key = ""): unknown {
  if (
    Array.isArray(tree) &&
    key === "environment" &&
    tree.every((each) => typeof each === "string" && /^\w/.test(each))
  )
    return Object.fromEntries(tree.map((line: string) => pairOf(line)))
  if (typeof tree !== "object" || tree === null || Array.isArray(tree)) return tree
  return Object.fromEntries(Object.entries(tree).map(([name, each]) => [name, withMaps(each, name)]))
}

function pairOf(line: string): [name: string, value: string | null] {
  const at = line.indexOf("=")
  return at < 0 ? [line, null] : [line.slice(0, at), line.slice(at + 1)]
}
