import { htmlText } from "../html-text.ts"
import { prose } from "./shown.ts"

/** Text as text: what has an effect on a reader's eyes is made visible first, then what a browser would obey is escaped. */
export function html(text: string): string {
  return htmlText(prose(text))
}
