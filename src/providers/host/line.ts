import { posix } from "node:path"
import { z } from "zod"
import { type ChangeParts, type HostAnswer, type HostChange, hostKind } from "../../connect/host/kind.ts"
import { quote } from "../../connect/host/quote.ts"
import { FettleError } from "../../errors.ts"
import type { Change, Key, Last, Seen } from "../../provider.ts"
import { type LineFound, lineFound, lineWord, lookAtLines } from "./line-look.ts"
import { checkExpression, createMode, expression, place, placeScript } from "./place.ts"
import { hostPath } from "./props.ts"
import { notOfType } from "./refused.ts"

/** Matching lines that are told of; more are only counted as more. */
const LINES_MAX = 50
/** Most of one of them, its number included. */
const LINE_MAX = 4_000

const props = z
  .strictObject({
    path: hostPath,
    line: z
      .string()
      .min(1)
      .max(2_000)
      .regex(/^[^\0\n]*$/, "a line holds no newline and no NUL")
      .optional()
      .describe("The whole line, without its newline."),
    replaces: expression
      .optional()
      .describe(
        "An extended regular expression (grep -E): where the line is missing, the line that matches becomes it. What it replaced does not come back when it is removed.",
      ),
    multiple: z
      .boolean()
      .default(false)
      .describe("Where several lines match: the first becomes the line, the others go. Without it that is refused."),
    absent: expression
      .optional()
      .describe("In place of line: an extended regular expression that no line may match; those that do are removed."),
    place,
    create: createMode,
  })
  .superRefine((given, context) => {
    if ((given.line === undefined) === (given.absent === undefined))
      context.addIssue({ code: "custom", message: "give either line or absent" })
    if (given.absent !== undefined && given.replaces !== undefined)
      context.addIssue({
        code: "custom",
        path: ["replaces"],
        message: "absent removes what matches: leave replaces out",
      })
  })

const outputs = z.object({
  path: z.string(),
  /** As it is there; empty where none may match and none does. */
  line: z.string(),
})

type Want = z.output<typeof props>
type Outputs = z.output<typeof outputs>

/**
 * A line in a file that others write too. Many of them may change one file in one run; each works on what is there at its turn.
 * What was already so before it is not removed with it.
 * @example resource(host.line, "port", { path: "/etc/ssh/sshd_config", line: "Port 2222", replaces: "^#?Port " }, { on: web })
 */
export const line = hostKind({
  kind: "host.line",
  version: 1,
  about: "A line in a file that others write too: there as it is, in place of one that matches, or absent.",
  props,
  outputs,
  asserts: true,
  stable: ["path"],
  id: (want) => `${want.path}: ${want.absent === undefined ? (want.replaces ?? want.line) : `no ${want.absent}`}`,
  predict: (want) => ({ path: want.path, line: want.line ?? "" }),
  question: ({ want, last }) => {
    const path = pathOf(want, last?.outputs)
    const words = wordsOf(want, last?.outputs)
    const word = lineWord({ path, ...words })
    return word === undefined
      ? { stat: [path], script: readScript(path, words) }
      : { stat: [path], shared: { script: lookAtLines, words: [word] } }
  },
  writesAt: ({ want, last }) => [posix.dirname(pathOf(want, last?.outputs))],
  answer,
  plan,
  change: (parts) => ({ brief: true, script: edited(parts.want, [editOf(parts)]) }),
  together: ({ want: { path, create, absent } }) => JSON.stringify([path, create, absent === undefined]),
  changeAll: (all) => inSlot(edited((all[0] as ChangeParts<Want, Outputs>).want, all.map(editOf))),
  removal: (seen, last) => {
    const at = leftBehind(seen, last)
    return at === undefined ? {} : { brief: true, script: removeScript(at.path, [at.line]) }
  },
  removedTogether: ({ seen, last }) => leftBehind(seen, last)?.path,
  removalAll: (all) => {
    const left = all.flatMap(({ seen, last }) => leftBehind(seen, last) ?? [])
    return inSlot(
      removeScript(
        (left[0] as Outputs).path,
        left.map(({ line: text }) => text),
      ),
    )
  },
  result: (_, want) => ({ path: want.path, line: want.line ?? "" }),
  failure: ({ exitCode, out }) => (exitCode === 10 ? undefined : new FettleError("FILE_REFUSED", out.trim())),
})

/** The line that is to go; undefined where none is there. */
function leftBehind(seen: Seen<Outputs>, last: Last<Want, Outputs> | undefined): Outputs | undefined {
  const at = "outputs" in seen ? seen.outputs : last?.outputs
  return at === undefined || "absent" in seen || at.line === "" ? undefined : at
}

function pathOf(want: Want | undefined, last: Outputs | undefined): string {
  return want?.path ?? last?.path ?? ""
}

/** What decides about a file: the line that shall be there, the one that we left there, and the expression. */
interface Words {
  readonly line: string | undefined
  readonly own: string | undefined
  readonly pattern: string | undefined
  /** True where matching lines count although the line is there. */
  readonly strict: boolean
}

function wordsOf(want: Want | undefined, last: Outputs | undefined): Words {
  if (want === undefined) return { line: last?.line || undefined, own: undefined, pattern: undefined, strict: false }
  const own = last?.line !== want.line ? last?.line || undefined : undefined
  return { line: want.line, own, pattern: want.absent ?? want.replaces, strict: want.multiple }
}

/** Prints whether the line is there, as 1 or 0, then the lines that stand in its place, as `NUMBER:TEXT`. */
function readScript(path: string, words: Words): string {
  return `[ -f ${quote(path)} ] || exit 0
exec <${quote(path)} || exit 20
exec </dev/null
${lookScript(quote(path), words)}
printf '%s\\n%s\\n' "$there" "$m"`
}

/** Sets `there` and `m`. */
function lookScript(file: string, { line, own, pattern, strict }: Words): string {
  const numbered = [
    own === undefined ? "" : `grep -anxF -e ${quote(own)} -- ${file};`,
    pattern === undefined ? "" : `grep -anE -e ${quote(pattern)} -- ${file};`,
  ].join(" ")
  const without = line === undefined || !strict ? "" : ` | grep -avE '^[0-9]+:'${quote(escaped(line))}'$'`
  return `there=0 m=
${line === undefined ? "" : `! grep -aqxF -e ${quote(line)} -- ${file} || there=1`}
${pattern === undefined ? "" : checkExpression(pattern)}
${numbered === " " || numbered === "" ? "" : `${strict ? "" : "[ $there = 1 ] || "}m=$({ ${numbered} } | sort -t : -u -k 1,1n${without} | head -n ${LINES_MAX} | cut -b 1-4000)`}`
}

/** A text as an extended regular expression for itself. */
function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")
}

function answer({ want, last }: Key<Want, Outputs>, found: HostAnswer): Seen<Outputs> {
  const path = pathOf(want, last?.outputs)
  const at = found.path(path)
  if (at === "absent") return want?.absent === undefined ? { absent: true } : { outputs: { path, line: "" } }
  if ("failed" in at || at.type === "directory" || at.type === "other") return { failed: notOfType(path, at, "file") }
  const { there, lines, failed } = told(path, wordsOf(want, last?.outputs), found)
  if (failed !== undefined) return { failed: new FettleError("READ_FAILED", `${path}: ${failed}`) }
  const several = want?.line !== undefined && !want.multiple && !there && lines.length > 1
  if (several) return { failed: severalMatch(path, lines) }
  const wanted = want === undefined ? last?.outputs.line : want.line
  const shown = { found: lines.join("\n") }
  if (there && lines.length === 0) return { outputs: { path, line: wanted ?? "" } }
  if (want?.absent !== undefined) return { outputs: { path, line: textsOf(lines).join("\n") }, shown }
  // Without a record, what is there in its place is not it. With one, it has moved on and is brought back.
  return lines.length > 0 && last !== undefined
    ? { outputs: { path, line: textsOf(lines)[0] as string }, shown }
    : there
      ? { outputs: { path, line: wanted ?? "" }, shown }
      : { absent: true, shown }
}

/** Which of them is meant nobody can tell. */
function severalMatch(path: string, lines: readonly string[]): FettleError {
  const numbers = lines.map((each) => each.slice(0, each.indexOf(":")))
  const fact = `${path}: ${lines.length} lines match, of numbers ${numbers.join(" ")}: give a narrower expression, or multiple: true`
  return new FettleError("FILE_REFUSED", fact)
}

/** What the host told of one item; the lines that are told of are few and short. */
function told(path: string, words: Words, { shared, script }: HostAnswer): LineFound {
  const word = lineWord({ path, ...words })
  if (word === undefined || shared === undefined) {
    const { exitCode = 1, out = "" } = script ?? {}
    if (exitCode !== 0) return { there: false, lines: [], failed: out.trim() || `exit code ${exitCode}` }
    const [there, ...lines] = out.split("\n").filter((each) => each !== "")
    return { there: there === "1", lines }
  }
  if (shared.exitCode !== 0) return { there: false, lines: [], failed: shared.out.trim().slice(-500) }
  const found = lineFound(shared, word)
  return { ...found, lines: found.lines.slice(0, LINES_MAX).map((each) => each.slice(0, LINE_MAX)) }
}

function textsOf(lines: readonly string[]): readonly string[] {
  return lines.map((each) => each.slice(each.indexOf(":") + 1))
}

function plan(want: Want, seen: Seen<Outputs>): Change<Want> {
  const lines = "failed" in seen ? [] : foundIn(seen)
  const text = diffOf(want, lines)
  if (!("outputs" in seen)) return { action: "create", ...(text === "" ? {} : { text }) }
  const at = seen.outputs.line
  if (want.absent !== undefined)
    return at === ""
      ? { action: "none" }
      : { action: "update", props: ["absent"], because: `${lines.length} lines match, wanted none`, text }
  if (at === want.line && lines.length === 0) return { action: "none" }
  const because = at === want.line ? `${lines.length} more lines match` : `it is ${JSON.stringify(at)}`
  return { action: "update", props: ["line"], because, text }
}

function foundIn(seen: Seen<Outputs>): readonly string[] {
  const found = "shown" in seen ? seen.shown?.found : undefined
  return typeof found === "string" && found !== "" ? found.split("\n") : []
}

/** As unified lines: what goes, and the line. */
function diffOf(want: Want, lines: readonly string[]): string {
  const numbers = lines.map((each) => each.slice(0, each.indexOf(":")))
  const head = numbers.length === 0 ? [] : [`@@ line ${numbers.join(", ")} @@`]
  return [
    ...head,
    ...textsOf(lines).map((each) => `-${each}`),
    ...(want.line === undefined ? [] : [`+${want.line}`]),
  ].join("\n")
}

/** All edits of one file on one copy of it, which is synced and put in place once. */
function edited({ path, create, absent }: Pick<Want, "path" | "create" | "absent">, edits: readonly string[]): string {
  const first = absent === undefined ? "" : `[ -e ${quote(path)} ] || exit 0\n`
  const calls = edits.map((each) => `edit() {\n${each}\n}\nedit\n`)
  return `${first}take ${quote(path)} ${quote(create ?? "")}\n${calls.join("shed\n")}give`
}

/** They may be too many for one argument. */
function inSlot(script: string): HostChange {
  return { brief: true, script: '. "$S/edits"', slots: { edits: script } }
}

/** Works on what stands there so far, `w`. */
function editOf({ want, seen, last }: ChangeParts<Want, Outputs>): string {
  const words = wordsOf(want, last?.outputs)
  const planned = textsOf("failed" in seen ? [] : foundIn(seen)).join("\n")
  // What stands in its place may have come with an earlier item of the run; what was read must still be what it was.
  const guard =
    planned === "" ? "" : `[ -z "$m" ] || [ "$(printf '%s\\n' "$m" | cut -d : -f 2-)" = ${quote(planned)} ] || exit 10`
  return [
    lookScript('"$w"', words),
    guard,
    want.line === undefined ? dropScript(want.absent as string) : putScript(want, want.line),
  ]
    .filter((each) => each !== "")
    .join("\n")
}

function dropScript(pattern: string): string {
  return `[ -n "$m" ] || return 0
k=$((k + 1)); grep -avE -e ${quote(pattern)} -- "$w" >"work$k"; [ $? -le 1 ] && w=work$k || exit 20`
}

/** Makes the new text: the first of the lines that stand in its place becomes the line and the others go, or it is put in. */
function putScript(want: Want, text: string): string {
  const several = want.multiple
    ? ""
    : `[ $# -le 1 ] || refuse "$# lines match, of numbers $(echo "$@"): give a narrower expression, or multiple: true" 23\n`
  return `[ -n "$m" ] || [ $there = 0 ] || return 0
printf '%s\\n' ${quote(text)} >line
whole
set -- $(printf '%s\\n' "$m" | sed 's/:.*//')
${several}if [ $there = 0 ] && [ $# -gt 0 ]; then splice "$1" "$1" line; shift
elif [ $there = 0 ]; then
${placeScript(want.place, "line")}
fi
[ $# = 0 ] || { k=$((k + 1)); sed "$(printf '%sd;' "$@")" "$w" >"rest$k" && w=rest$k; } || exit 20`
}

function removeScript(path: string, texts: readonly string[]): string {
  const edits = texts.map(
    (text) => `grep -aqxF -e ${quote(text)} -- "$w" || return 0
k=$((k + 1)); grep -avxF -e ${quote(text)} -- "$w" >"work$k"; [ $? -le 1 ] && w=work$k || exit 20`,
  )
  return `[ -f ${quote(path)} ] || exit 0\n${edited({ path }, edits)}`
}
