import { inflateRawSync } from "node:zlib"

/** Data that a report was drawn from. */
export function dataOf(page: string, id: "data" | "logdata"): unknown {
  const packed = new RegExp(`<script type="text/plain" id="${id}">([\\w+/=]*)</script>`).exec(page)?.[1]
  if (packed === undefined) throw new Error(`the page has no ${id}`)
  return packed === "" ? [] : JSON.parse(inflateRawSync(Buffer.from(packed, "base64")).toString())
}

/** Every tag of a page, with its attributes but the time, except what the page's own script, style and data say. */
export function tagsOf(page: string): readonly string[] {
  const timeless = page.replaceAll(/ datetime="[\dT:.Z-]+"/g, "")
  return timeless.replaceAll(/(<(script|style)[^>]*>).*?(<\/\2>)/gs, "$1$3").match(/<[a-z/!][^>]*>/gi) ?? []
}

/** Every text in some data, names of properties too. */
export function textsOf(data: unknown): readonly string[] {
  if (typeof data === "string") return [data]
  if (typeof data !== "object" || data === null) return []
  return [...(Array.isArray(data) ? [] : Object.keys(data)), ...Object.values(data).flatMap(textsOf)]
}
