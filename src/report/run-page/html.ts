import { prose } from "./shown.ts"

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
}

/** Text as text: what has an effect on a reader's eyes is made visible first, then what a browser would obey is escaped. */
export function html(text: string): string {
  return prose(text).replace(/[&<>"']/g, (each) => ENTITIES[each] as string)
}
