import { createHash } from "node:crypto"
import { isDeepStrictEqual } from "node:util"
import { z } from "zod"
import {
  type ChangeParts,
  type HostAnswer,
  type HostChange,
  hostKind,
  type RemovalParts,
  type ScriptRecord,
} from "../../connect/host/kind.ts"
import { quote } from "../../connect/host/quote.ts"
import { FettleError } from "../../errors.ts"
import type { Change, Json, Key, Seen } from "../../provider.ts"
import { createMode } from "./place.ts"
import { hostPath } from "./props.ts"
import { notOfType } from "./refused.ts"
import { edited, type Format, formats, reader } from "./value-formats.ts"
import { EditRefused, shownPath, type ValuePath } from "./value-path.ts"

/** Largest file that is edited, in bytes: it is read whole in every plan. */
const FILE_MAX = 1_000_000

const name = z
  .string()
  .min(1)
  .regex(/^[^\0\r\n]+$/, "a key is one line")

const json: z.ZodType<Json> = z.json()

const props = z
  .strictObject({
    path: hostPath,
    at: z
      .union([name, z.array(z.union([name, z.int().min(0)])).min(1)])
      .transform((at): ValuePath => (typeof at === "string" ? at.split(".") : at))
      .describe(
        'Where it stands: "server.port", or a list where a name has a dot in it, or an item of a list is meant: ["hosts", 0, "name"]. In an INI file [section, key].',
      ),
    value: json.describe(
      "What stands there. Plans and state show it: a secret goes into a file of its own, with host.file.",
    ),
    format: z
      .enum(formats)
      .optional()
      .describe("What the file is written in. Default: by its ending, .json, .yaml, .yml, .toml, .ini, .cfg or .conf."),
    create: createMode,
  })
  .superRefine((given, context) => {
    const format = formatOf(given)
    if (format === undefined)
      context.addIssue({
        code: "custom",
        path: ["format"],
        message: "the ending of its path tells no format: give one",
      })
    if (format === "ini" && (given.at.length > 2 || given.at.some((each) => typeof each === "number")))
      context.addIssue({
        code: "custom",
        path: ["at"],
        message: "an INI file has [section, key], or [key] above all sections",
      })
    if (format === "ini" && !/^([^\s\0]([^\r\n\0]*[^\s\0])?)?$/.test(String(given.value)))
      context.addIssue({
        code: "custom",
        path: ["value"],
        message: "a value of an INI file is one line without spaces around it",
      })
    if ((format === "ini" || format === "toml") && given.value === null)
      context.addIssue({ code: "custom", path: ["value"], message: `${format} knows no null` })
  })

const ENDINGS: Readonly<Record<string, Format>> = {
  json: "json",
  yaml: "yaml",
  yml: "yaml",
  toml: "toml",
  ini: "ini",
  cfg: "ini",
  conf: "ini",
}

function formatOf({
  path,
  format,
}: {
  readonly path: string
  readonly format?: Format | undefined
}): Format | undefined {
  return format ?? ENDINGS[/\.([a-z]+)$/i.exec(path)?.[1]?.toLowerCase() ?? ""]
}

const outputs = z.object({
  path: z.string(),
  /** As it stands there; in an INI file a text. */
  value: json,
})

type Want = z.output<typeof props>
type Outputs = z.output<typeof outputs>

/**
 * One value in a JSON, YAML, TOML or INI file that others write too. It is edited here, as text, and read again: comments and
 * formatting stay, and nothing else may differ. Several values of one file are put in place together.
 * @example resource(host.value, { path: "/etc/docker/daemon.json", at: "log-opts.max-size", value: "10m", create: "0644" }, { on: web })
 */
export const value = hostKind({
  kind: "host.value",
  version: 1,
  about: "One value in a JSON, YAML, TOML or INI file that others write too; comments and formatting stay.",
  props,
  outputs,
  asserts: true,
  followsNeeds: true,
  stable: ["path"],
  id: (want) => `${want.path}: ${shownPath(want.at)}`,
  predict: (want) => ({ path: want.path, value: wantedOf(want) }),
  question: (key) => {
    const { path } = wantOf(key)
    return { sha256: [path], shared: { script: READ, words: [path] } }
  },
  answer,
  plan,
  change: (parts) => changeValues([parts]),
  partOf: (given) => given.path,
  together: ({ want, seen }) => JSON.stringify([want.path, hashIn(seen)]),
  changeAll: changeValues,
  removal: (seen, last) => removeValues([{ seen, last }]),
  removedTogether: ({ seen, last }) => JSON.stringify([last?.props.path ?? "", hashIn(seen)]),
  removalAll: removeValues,
  result: (_, want) => ({ path: want.path, value: wantedOf(want) }),
  failure: ({ exitCode, out }) => (exitCode === 10 ? undefined : new FettleError("FILE_REFUSED", out.trim())),
})

/** Prints each file, a = before each of its lines: two processes for a file, however many values of it are asked for. */
const READ = `for p; do
  printf ':file\\n'
  [ ! -f "$p" ] || { head -c ${FILE_MAX} <"$p" | sed 's/^/=/'; }
  printf '\\n:end %s\\n' "$p"
done`

function wantOf({ want, last }: Pick<Key<Want, Outputs>, "want" | "last">): Want {
  return (want ?? last?.props) as Want
}

function wantedOf({ value: wanted, ...want }: Want): Json {
  return formatOf(want) === "ini" ? String(wanted) : (wanted as Json)
}

function answer(key: Key<Want, Outputs>, found: HostAnswer): Seen<Outputs> {
  const want = wantOf(key)
  const { path } = want
  const at = found.path(path)
  if (at === "absent") return { absent: true }
  if ("failed" in at || at.type === "directory" || at.type === "other") return { failed: notOfType(path, at, "file") }
  const file = textsOf(found.shared as ScriptRecord).get(path) ?? { text: "", hash: sha256Of(""), readers: new Map() }
  const { text, hash } = file
  if (at.type === "file" && hash !== at.sha256)
    return {
      failed: new FettleError(
        "FILE_REFUSED",
        `${path} is not UTF-8 text of at most ${FILE_MAX} bytes, or changes while it is read`,
      ),
    }
  try {
    const there = readerOf(file, formatOf(want) as Format)(want.at)
    const shown = { text, hash }
    return there === undefined ? { absent: true, shown } : { outputs: { path, value: there }, shown }
  } catch (thrown) {
    if (!(thrown instanceof EditRefused)) throw thrown
    return { failed: new FettleError("FILE_REFUSED", `${path}: ${thrown.message}`) }
  }
}

/** A file as it was read. */
interface Text {
  readonly text: string
  readonly hash: string
  /** What reads values out of it: it is taken apart once. */
  readonly readers: Map<Format, (at: ValuePath) => Json | undefined>
}

/** One answer serves all values of a read. */
const known = new WeakMap<ScriptRecord, ReadonlyMap<string, Text>>()

function textsOf(record: ScriptRecord): ReadonlyMap<string, Text> {
  const found = known.get(record) ?? new Map(record.out.split(":file\n").slice(1).map(textIn))
  known.set(record, found)
  return found
}

/** @throws EditRefused where the text is not of that format */
function readerOf({ text, readers }: Text, format: Format): (at: ValuePath) => Json | undefined {
  const read = readers.get(format) ?? reader(format, text)
  readers.set(format, read)
  return read
}

/** Each line of a file has its sign; the newline behind the last one is ours. */
function textIn(part: string): readonly [string, Text] {
  const end = part.lastIndexOf("\n:end ")
  const lines = part.slice(0, Math.max(0, end))
  const text = lines.replaceAll(/^=/gm, "")
  return [part.slice(end + "\n:end ".length, -1), { text, hash: sha256Of(text), readers: new Map() }]
}

function plan(want: Want, seen: Seen<Outputs>): Change<Want> {
  const wanted = wantedOf(want)
  const line = (sign: string, each: Json): string => `${sign}${shownPath(want.at)} = ${JSON.stringify(each)}`
  if (!("outputs" in seen)) return { action: "create", text: line("+", wanted) }
  const at = seen.outputs.value as Json
  if (isDeepStrictEqual(at, wanted)) return { action: "none" }
  return {
    action: "update",
    props: ["value"],
    because: `it is ${brief(at)}`,
    text: `${line("-", at)}\n${line("+", wanted)}`,
  }
}

function brief(of: Json): string {
  const text = JSON.stringify(of)
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`
}

interface Edit {
  readonly want: Want
  readonly to: Json | undefined
}

function changeValues(all: readonly ChangeParts<Want, Outputs>[]): HostChange {
  const [{ seen }] = all as [ChangeParts<Want, Outputs>]
  return editFile(
    seen,
    all.map(({ want }) => ({ want, to: want.value as Json })),
  )
}

function removeValues(all: readonly RemovalParts<Want, Outputs>[]): HostChange {
  const there = all.flatMap(({ seen, last }) =>
    last === undefined || !("outputs" in seen) ? [] : [{ seen, edit: { want: last.props, to: undefined } }],
  )
  const [one] = there
  return one === undefined
    ? {}
    : editFile(
        one.seen,
        there.map(({ edit }) => edit),
      )
}

/** All edits of one file, on the text that was read, which must still be there. */
function editFile(seen: Seen<Outputs>, edits: readonly Edit[]): HostChange {
  const [{ want }] = edits as [Edit]
  const before = "shown" in seen && typeof seen.shown?.text === "string" ? seen.shown.text : ""
  let text = before
  try {
    for (const { want: each, to } of edits) text = edited(formatOf(each) as Format, text, each.at, to)
  } catch (thrown) {
    if (!(thrown instanceof EditRefused)) throw thrown
    throw new FettleError("FILE_REFUSED", `${want.path}: ${thrown.message}`)
  }
  return {
    brief: true,
    slots: { text },
    script: `take ${quote(want.path)} ${quote(edits.find((each) => each.want.create !== undefined)?.want.create ?? "")}
h=$(sha256sum <old) || exit 20
case \${h%% *} in ${sha256Of(text)}) exit 0;; ${sha256Of(before)}) ;; *) exit 10;; esac
cat -- "$S/text" >work && w=work || exit 20
give`,
  }
}

function hashIn(seen: Seen<Outputs>): string {
  return "shown" in seen && typeof seen.shown?.hash === "string" ? seen.shown.hash : ""
}

function sha256Of(text: string): string {
  return createHash("sha256").update(text).digest("hex")
}
