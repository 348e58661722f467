const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
}

/** Text that a browser shows as it is, also within an attribute. What has an effect on a reader's eyes is to be escaped before. */
export function htmlText(text: string): string {
  return text.replace(/[&<>"']/g, (each) => ENTITIES[each] as string)
}
