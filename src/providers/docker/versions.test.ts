import { expect, test } from "vitest"
import { LINE } from "./labels.ts"
import { firstName, isReplaced, type Listed, replacedName, versionsOf } from "./versions.ts"

const id = "0123456789abcdef"

test("a replaced container is known by its name, which holds its own id", () => {
  const away = replacedName("web", id)
  expect(away).toBe("web.fettle-0123456789ab")
  expect(replacedName(away, id)).toBe(away)
  expect(firstName(away, id)).toBe("web")
  expect(isReplaced({ name: away, id })).toBe(true)
  expect(isReplaced({ name: away, id: "another one" })).toBe(false)
  expect(isReplaced({ name: "web", id })).toBe(false)
})

test("what is kept is of the same line, replaced, and the newest first", () => {
  const each = (at: number, line: string, name?: string): Listed => {
    const own = `${at}`.repeat(12)
    const createdAt = `2026-01-0${at}`
    return { id: own, name: name ?? replacedName("web", own), labels: { [LINE]: line }, image: "i", createdAt }
  }
  const all = [each(1, "a"), each(3, "a"), each(2, "a"), each(4, "b"), each(5, "a", "web")]
  expect(versionsOf("a", all).map((kept) => kept.createdAt)).toEqual(["2026-01-03", "2026-01-02", "2026-01-01"])
})
