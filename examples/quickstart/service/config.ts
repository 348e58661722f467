import { readFileSync } from "node:fs"
import { isAbsolute } from "node:path"

export type Config = {
  readonly host: string
  /** 0 lets the system choose a free port. */
  readonly port: number
  /** Absolute path of a SQLite database with all migrations applied. */
  readonly database: string
  /** What a client sends as `authorization: Bearer KEY` to create an order. */
  readonly apiKey: string
}

/** Reads the configuration file, or says in one line why it cannot be used. */
export function readConfig(path: string | undefined): { config: Config } | { problem: string } {
  if (path === undefined) return { problem: "no configuration: name a JSON file as argument or in ORDERS_CONFIG" }
  let text: string
  try {
    text = readFileSync(path, "utf8")
  } catch (error) {
    return { problem: `cannot read ${path}: ${(error as NodeJS.ErrnoException).code}` }
  }
  const parsed = parseConfig(text)
  return "config" in parsed ? parsed : { problem: `${path}: ${parsed.problems.join("; ")}` }
}

/** Checks every field. No message quotes the text: the API key is in there. */
export function parseConfig(text: string): { config: Config } | { problems: string[] } {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { problems: ["not valid JSON"] }
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return { problems: ["not a JSON object"] }

  const { host, port, database, apiKey, ...others } = value as Record<string, unknown>
  const problems = Object.keys(others).map((key) => `unknown field ${JSON.stringify(key)}`)
  if (typeof host !== "string" || host === "") problems.push("host must be an address such as 127.0.0.1")
  if (!Number.isInteger(port) || Number(port) < 0 || Number(port) > 65535) problems.push("port must be 0 to 65535")
  if (typeof database !== "string" || !isAbsolute(database)) problems.push("database must be an absolute path")
  if (typeof apiKey !== "string" || !/^[\x21-\x7e]{16,}$/.test(apiKey)) {
    problems.push("apiKey must be at least 16 printable characters without spaces")
  }
  return problems.length > 0 ? { problems } : { config: { host, port, database, apiKey } as Config }
}
