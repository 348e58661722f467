import { isPlain } from "../program/output.ts"
import { Secret } from "../secrets/secret.ts"

/** The settings of a probe with their secrets opened, and a way to keep what was opened out of the evidence. */
export interface OpenedSettings {
  readonly settings: unknown
  hide(text: string): string
}

/** Opens all secrets in the settings of a probe. */
export function openSettings(settings: unknown, reveal: (secret: Secret<unknown>) => unknown): OpenedSettings {
  const opened = new Map<string, string>()
  const open = (value: unknown): unknown => {
    if (value instanceof Secret) {
      const plain = reveal(value)
      if (typeof plain === "string" && plain !== "") opened.set(plain, value.name)
      return plain
    }
    if (Array.isArray(value)) return value.map(open)
    if (isPlain(value)) return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, open(each)]))
    return value
  }
  return { settings: open(settings), hide: (text) => hidden(text, opened) }
}

/** A target may send back what it was sent: `Authorization` in an error page. Longest first, so that no rest remains. */
function hidden(text: string, opened: ReadonlyMap<string, string>): string {
  const longestFirst = [...opened].sort(([a], [b]) => b.length - a.length)
  let clean = text
  for (const [plain, name] of longestFirst)
    for (const form of [
      plain,
      encodeURIComponent(plain),
      Buffer.from(plain).toString("base64"),
      JSON.stringify(plain).slice(1, -1),
    ])
      clean = clean.replaceAll(form, `[secret ${name}]`)
  return clean
}
