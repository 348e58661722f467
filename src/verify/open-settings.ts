import { isPlain } from "../program/output.ts"
import { Secret } from "../secrets/secret.ts"

/** The settings of a probe with their secrets opened, and a way to keep what was opened out of the evidence. */
export interface OpenedSettings {
  readonly settings: unknown
  hide(text: string): string
}

/** Opens all secrets in the settings of a probe. `learned` hears of passwords inside of them. */
export function openSettings(
  settings: unknown,
  reveal: (secret: Secret<unknown>) => unknown,
  learned: (name: string, value: string) => void = () => {},
): OpenedSettings {
  const opened = new Map<string, string>()
  const keep = (name: string, plain: string): void => {
    opened.set(plain, name)
    for (const password of passwordsIn(plain)) {
      if (opened.has(password)) continue
      opened.set(password, name)
      learned(name, password)
    }
  }
  const open = (value: unknown): unknown => {
    if (value instanceof Secret) {
      const plain = reveal(value)
      if (typeof plain === "string" && plain !== "") keep(value.name, plain)
      return plain
    }
    if (Array.isArray(value)) return value.map(open)
    if (isPlain(value)) return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, open(each)]))
    return value
  }
  return { settings: open(settings), hide: (text) => hidden(text, opened) }
}

/** Shorter than this it is not looked for: it would stand in many words. */
const PASSWORD_MIN = 4

/** The password of a URL, as it stands there and as it is meant: a far side that is given the URL sends back the one or the other. */
function passwordsIn(text: string): readonly string[] {
  const raw =
    /^[a-z][a-z0-9+.-]*:\/\/[^/?#:]*:([^/?#]*)@/i.exec(text)?.[1] ??
    (/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? /[?&]password=([^&#]*)/i.exec(text)?.[1] : undefined)
  if (raw === undefined) return []
  const forms = new Set([raw])
  try {
    forms.add(decodeURIComponent(raw))
  } catch {
    // It encodes nothing, so it is meant as it stands there.
  }
  return [...forms].filter((each) => each.length >= PASSWORD_MIN)
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
