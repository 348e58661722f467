import { createHash } from "node:crypto"
import { posix } from "node:path"
import { z } from "zod"
import { type ChangeParts, type HostAnswer, type HostChange, hostKind } from "../../connect/host/kind.ts"
import { quote } from "../../connect/host/quote.ts"
import { FettleError } from "../../errors.ts"
import { textDiff } from "../../events/text-diff.ts"
import type { Change, Key, Last, Seen } from "../../provider.ts"
import { hasFingerprints } from "../../secrets/canonical.ts"
import { Secret } from "../../secrets/secret.ts"
import { secretText } from "../../secrets/secret-text.ts"
import { createMode, place, placeScript } from "./place.ts"
import { hostPath } from "./props.ts"
import { notOfType } from "./refused.ts"

/** Longest content, in bytes: it is compared as text. */
const CONTENT_MAX = 60_000
/** Longest content, in bytes, of blocks that are put into one file together. */
const SHORT_MAX = 2_000
/** Begins every keyed fingerprint. */
const SEALED = "fp:"

const mark = z
  .string()
  .min(1)
  .max(40)
  .regex(/^[^\0\r\n]*$/, "a mark is one line")

const props = z
  .strictObject({
    path: hostPath,
    name: z
      .string()
      .max(100)
      .regex(/^[^\s\p{C}]+( [^\s\p{C}]+)*$/u, "a name is words of printable characters")
      .describe("Stands in the lines around the block, and tells it from other blocks of the file."),
    content: z.union([z.string(), secretText]).describe("What stands between the two lines: text, or a secret."),
    comment: z
      .union([mark, z.tuple([mark, mark])])
      .default("#")
      .describe('What begins a comment in such a file; [begin, end] where it must be closed: ["<!--", "-->"].'),
    place,
    create: createMode,
  })
  .superRefine(({ content, name, comment }, context) => {
    if (typeof content !== "string") return
    const issue = (message: string): void => context.addIssue({ code: "custom", path: ["content"], message })
    if (Buffer.byteLength(content) > CONTENT_MAX) issue(`a block has at most ${CONTENT_MAX} bytes: use host.file`)
    if (content.includes("\0")) issue("a block holds no NUL")
    const lines = content.split("\n")
    if (marks({ name, comment }).some((each) => lines.includes(each)))
      issue("it holds a line that marks the block itself")
  })
  .transform(({ content, ...rest }) => ({
    ...rest,
    content: typeof content === "string" ? lines(content) : content.map(lines),
  }))

const outputs = z.object({
  path: z.string(),
  name: z.string(),
  /** SHA-256 as hex of what stands between the marks; of a secret its keyed fingerprint. */
  hash: z.string(),
})

type Want = z.output<typeof props>
type Outputs = z.output<typeof outputs>

/**
 * A block of lines between two marks, in a file that others write too. Only what is between the marks is ours.
 * @example resource(host.block, { path: "/etc/hosts", name: "shop", content: "10.0.0.2 db\n10.0.0.3 cache\n" }, { on: web })
 */
export const block = hostKind({
  kind: "host.block",
  version: 1,
  about: "A block of lines between two marks, in a file that others write too.",
  props,
  outputs,
  stable: ["path", "name"],
  id: (want) => `${want.path}: ${marks(want)[0]}`,
  predict: (want) => ({
    path: want.path,
    name: want.name,
    ...(hasFingerprints(want.content) ? { hash: wantedHash(want.content) } : {}),
  }),
  question: ({ want, last }) => {
    const at = wantedOf(want, last)
    return { stat: [at.path], script: readScript(at, mayBeSecret(want, last)) }
  },
  writesAt: ({ want, last }) => [posix.dirname(wantedOf(want, last).path)],
  answer,
  plan,
  change: changeBlock,
  together: togetherWith,
  changeAll: changeBlocks,
  removal: (seen, last) =>
    "absent" in seen || last === undefined ? {} : { brief: true, script: removeScript(last.props) },
  result: (_, want) => ({ path: want.path, name: want.name, hash: wantedHash(want.content) }),
  failure: ({ exitCode, out }) => (exitCode === 10 ? undefined : new FettleError("FILE_REFUSED", out.trim())),
})

/** What left the program is known by what was wanted last. */
function wantedOf(want: Want | undefined, last: Last<Want, Outputs> | undefined): Want {
  return (want ?? last?.props) as Want
}

/** The lines around a block. */
function marks({ name, comment }: Pick<Want, "name" | "comment">): readonly [string, string] {
  const [begin, end] = typeof comment === "string" ? [comment, ""] : [comment[0], ` ${comment[1]}`]
  return [`${begin} BEGIN fettle: ${name}${end}`, `${begin} END fettle: ${name}${end}`]
}

function mayBeSecret(want: Want | undefined, last: Last<Want, Outputs> | undefined): boolean {
  return (
    want?.content instanceof Secret ||
    last?.props.content instanceof Secret ||
    last?.outputs.hash.startsWith(SEALED) === true
  )
}

/** Sets `from` and `to` to the numbers of the marks, or ends the script: with 0 where there are none, with 22 where they make no pair. */
function findScript(at: Want, file: string, absent: string): string {
  const [begin, end] = marks(at).map(quote)
  return `m=$(grep -anxF -e ${begin} -e ${end} -- ${file} | sed 's/:.*//')
set -- $m
[ $# -gt 0 ] || { ${absent}; }
from=$1 to=\${2-0}
[ $# = 2 ] && [ "$(sed -n "\${from}p" <${file})" = ${begin} ] && [ "$(sed -n "\${to}p" <${file})" = ${end} ] ||
  { printf 'the marks of the block are no pair: lines %s\\n' "$(echo "$@")"; exit 22; }`
}

/** What stands between the marks. */
function inside(file: string): string {
  return `sed -n "$((from + 1)),$((to - 1))p" <${file}`
}

/** Prints nothing where there is no block; else one line, and the text or its hash. */
function readScript(at: Want, secret: boolean): string {
  const file = quote(at.path)
  return `[ -f ${file} ] || exit 0
exec <${file} || exit 20
exec </dev/null
${findScript(at, file, "exit 0")}
echo there
[ "$to" -gt $((from + 1)) ] || ${secret ? "{ printf '' | sha256sum; exit 0; }" : "exit 0"}
${inside(file)}${secret ? " | sha256sum" : ` | head -c ${CONTENT_MAX + 1}`}`
}

function answer(
  { want, last }: Key<Want, Outputs>,
  found: HostAnswer,
  seal: (sha256: string) => string,
): Seen<Outputs> {
  const { path, name } = wantedOf(want, last)
  const at = found.path(path)
  if (at === "absent") return { absent: true }
  if ("failed" in at || at.type === "directory" || at.type === "other") return { failed: notOfType(path, at, "file") }
  const { exitCode = 1, out = "" } = found.script ?? {}
  if (exitCode === 22) return { failed: new FettleError("FILE_REFUSED", `${path}: ${out.trim()}`) }
  if (exitCode !== 0)
    return { failed: new FettleError("READ_FAILED", `${path}: ${out.trim() || `exit code ${exitCode}`}`) }
  if (out === "") return { absent: true }
  const body = out.slice("there\n".length)
  if (mayBeSecret(want, last)) return { outputs: { path, name, hash: seal(body.slice(0, 64)) } }
  return { outputs: { path, name, hash: sha256Of(body) }, shown: { content: body } }
}

function plan(want: Want, seen: Seen<Outputs>): Change<Want> {
  const text = typeof want.content === "string" ? want.content : undefined
  if (!("outputs" in seen)) return { action: "create", ...(text === undefined ? {} : { text: textDiff("", text) }) }
  if (seen.outputs.hash === wantedHash(want.content)) return { action: "none" }
  const before = seen.shown?.content
  return {
    action: "update",
    props: ["content"],
    because: "content differs",
    ...(typeof before === "string" && text !== undefined ? { text: textDiff(before, text) } : {}),
  }
}

function changeBlock(parts: ChangeParts<Want, Outputs>): HostChange {
  const { want } = parts
  const script = `${taking(want)}edit() {\n${editOf(parts, '"$S/block"')}\n}\nedit\ngive`
  return { brief: true, script, slots: { block: want.content } }
}

/** All blocks of one file on one copy of it, which is synced and put in place once. Their contents are short and no secrets. */
function changeBlocks(all: readonly ChangeParts<Want, Outputs>[]): HostChange {
  const edits = all.map(
    (parts) =>
      `printf %s ${quote(parts.want.content as string)} >content\nedit() {\n${editOf(parts, "content")}\n}\nedit\n`,
  )
  const script = `${taking((all[0] as ChangeParts<Want, Outputs>).want)}${edits.join("shed\n")}give`
  return { brief: true, script: '. "$S/edits"', slots: { edits: script } }
}

/** The same for changes that can be made together. */
function togetherWith({ want: { path, create, content } }: ChangeParts<Want, Outputs>): string | undefined {
  const isShort = typeof content === "string" && Buffer.byteLength(content) <= SHORT_MAX
  return isShort ? JSON.stringify([path, create]) : undefined
}

function taking({ path, create }: Want): string {
  return `take ${quote(path)} ${quote(create ?? "")}\n`
}

/** Works on what stands there so far, `w`; `content` is the file of what goes between the marks. */
function editOf({ want, seen }: ChangeParts<Want, Outputs>, content: string): string {
  const [begin, end] = marks(want).map(quote)
  const expect = "outputs" in seen ? seen.outputs.hash : ""
  // The plain hash of a secret is known to nobody here: what is between our marks is ours, and is replaced.
  const guard =
    /^[0-9a-f]{64}$/.test(expect) && typeof want.content === "string"
      ? `h=$({ [ "$to" = $((from + 1)) ] || ${inside('"$w"')}; } | sha256sum)
case \${h%% *} in ${expect}|${wantedHash(want.content)}) ;; *) exit 10;; esac`
      : ""
  return `! grep -aqxF -e ${begin} -e ${end} -- ${content} || refuse 'the content holds a line that marks the block itself'
{ printf '%s\\n' ${begin} && cat -- ${content} && printf '%s\\n' ${end}; } >block || exit 20
whole
put() {
${placeScript(want.place, "block")}
}
${findScript(want, '"$w"', "put; return 0")}
${guard}
splice "$from" "$to" block`
}

function removeScript(at: Want): string {
  return `[ -f ${quote(at.path)} ] || exit 0
take ${quote(at.path)} ''
whole
${findScript(at, "old", "exit 0")}
: >none
splice "$from" "$to" none
give`
}

/** A text as whole lines. */
function lines(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`
}

function wantedHash(content: Want["content"]): string {
  return typeof content === "string" ? sha256Of(content) : content.fingerprint
}

function sha256Of(text: string): string {
  return createHash("sha256").update(text).digest("hex")
}
