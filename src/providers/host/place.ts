import { z } from "zod"
import { quote } from "../../connect/host/quote.ts"

/** An extended regular expression, as `grep -E` of the host takes it; the host says where one is wrong. */
export const expression = z
  .string()
  .min(1)
  .max(1_000)
  .regex(/^[^\0\n]*$/, "an expression is one line without a NUL")

/** Where in a file something new goes. */
export const place = z
  .union([z.enum(["start", "end"]), z.strictObject({ after: expression }), z.strictObject({ before: expression })])
  .default("end")
  .describe(
    'Where it goes when it is new: "start", "end" (default), { after } the last line that matches an expression, or { before } the first one. Where none matches it is refused.',
  )

/** With what mode a missing file is made. */
export const createMode = z
  .string()
  .regex(/^[0-7]{3,4}$/, 'a mode is three or four octal digits, as in "0644"')
  .transform((mode) => mode.padStart(4, "0"))
  .optional()
  .describe("Mode with which a missing file is made. Without it a missing file is refused.")

/** Puts a file into `w` at its place. */
export function placeScript(at: z.output<typeof place>, file: string): string {
  if (at === "start") return `splice 1 0 ${file}`
  if (at === "end") return `append ${file}`
  const [words, pattern, pick, add] =
    "after" in at ? (["after", at.after, "tail", 1] as const) : (["before", at.before, "head", 0] as const)
  const e = quote(pattern)
  return `${checkExpression(pattern)}
n=$(grep -anE -e ${e} -- "$w" | ${pick} -n 1) n=\${n%%:*}
[ -n "$n" ] || refuse "no line matches "${e}", ${words} which it is to go"
n=$((n + ${add})); splice "$n" $((n - 1)) ${file}`
}

/** Ends a script with the words of `grep` where it does not take an expression; that of busybox looks at one only when it has a line. */
export function checkExpression(pattern: string): string {
  return `o=$(echo | grep -E -e ${quote(pattern)} 2>&1); [ $? -le 1 ] || { printf '%s\\n' "$o"; exit 24; }`
}
