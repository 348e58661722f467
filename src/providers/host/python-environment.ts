import { createHash } from "node:crypto"
import { z } from "zod"
import {
  type ChangeParts,
  type HostAnswer,
  type HostChange,
  hostKind,
  type ScriptRecord,
} from "../../connect/host/kind.ts"
import { quoteAll } from "../../connect/host/quote.ts"
import { FettleError } from "../../errors.ts"
import { textDiff } from "../../events/text-diff.ts"
import type { Change, Key, Last, Seen } from "../../provider.ts"
import { INSTALL_ENDS as ENDS, environmentScript, noteScript, removeEnvironment } from "./environment-scripts.ts"
import { hostPath } from "./props.ts"

/** Longest requirements, in bytes. */
const REQUIREMENTS_MAX = 500_000

const props = z
  .strictObject({
    path: hostPath
      .refine((path) => !path.includes("\n"), "a folder of an environment has no line break in its name")
      .describe("The folder of the environment; made where it is missing, its parent must be there."),
    requirements: z
      .string()
      .max(REQUIREMENTS_MAX)
      .regex(/^[^\0]*$/)
      .describe(
        "What is installed, as pip reads it: NAME==VERSION with the hashes of its files, all that they need among them, as `pip-compile --generate-hashes` or `uv export` write it.",
      ),
    hashes: z
      .boolean()
      .default(true)
      .describe(
        "Whether pip takes only files whose hash stands in the requirements. Then what they do not name is taken out.",
      ),
    python: z
      .string()
      .min(1)
      .regex(/^[^-\0\n][^\0\n]*$/, "an interpreter is a name or a path")
      .default("python3")
      .describe("The interpreter that it is made with."),
    options: z
      .array(z.string().regex(/^[^\0]*$/))
      .default([])
      .describe('More words for `pip install`: ["--index-url", "https://…"]. Everybody can read them.'),
  })
  .superRefine((given, context) => {
    const wrong = unpinnedIn(given.requirements, given.hashes)
    if (wrong !== undefined) context.addIssue({ code: "custom", path: ["requirements"], message: wrong })
  })

/** Why pip could install something else tomorrow. */
function unpinnedIn(text: string, hashes: boolean): string | undefined {
  for (const line of requirementsIn(text)) {
    if (line.startsWith("-")) continue
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*(\[[^\]]*\])?\s*===?\s*[^\s;,*]+\s*(;.*|\s.*|)$/.test(line) && !/\s@\s/.test(line))
      return `${JSON.stringify(line.slice(0, 80))} names no version: NAME==VERSION`
    if (hashes && !/--hash=/.test(line))
      return `${JSON.stringify(line.slice(0, 80))} has no --hash=; with hashes: false pip takes what it finds`
  }
  return undefined
}

/** Its logical lines without comments. */
function requirementsIn(text: string): readonly string[] {
  return text
    .replaceAll(/\\\r?\n/g, " ")
    .split("\n")
    .map((line) => line.replace(/(^|\s)#.*/, "").trim())
    .filter((line) => line !== "")
}

const outputs = z.object({
  path: z.string(),
  /** Of interpreter, requirements and options; "" where somebody else made it. */
  hash: z.string(),
})

type Want = z.output<typeof props>
type Outputs = z.output<typeof outputs>

/**
 * A virtual environment of Python with pinned packages, whose hashes pip checks. It is brought up where it is; one whose interpreter
 * is gone is made anew. Its folder goes with it.
 * @example resource(host.pythonEnvironment, { path: "/srv/shop/env", requirements: readFileSync("requirements.txt", "utf8") }, { on: web })
 */
export const pythonEnvironment = hostKind({
  kind: "host.pythonEnvironment",
  version: 1,
  about: "A virtual environment of Python with pinned packages, whose hashes pip checks.",
  props,
  outputs,
  stable: ["path"],
  timeoutMs: 900_000,
  id: (want) => want.path,
  predict: (want) => ({ path: want.path, hash: hashOf(want) }),
  question: (key) => ({ shared: { script: noteScript, words: [pathOf(key)] } }),
  answer,
  plan,
  change: ({ want, seen }: ChangeParts<Want, Outputs>): HostChange => ({
    script: environmentScript({
      path: want.path,
      python: want.python,
      options: quoteAll([...(want.hashes ? ["--require-hashes"] : []), ...want.options]),
      exact: want.hashes,
      wanted: hashOf(want),
      expect: "outputs" in seen ? seen.outputs.hash : "absent",
    }),
    slots: {
      requirements: want.requirements,
      names: requirementsIn(want.requirements)
        .map((line) => `${nameOf(line)}\n`)
        .join(""),
    },
  }),
  removal: (seen, last) => {
    const at = "outputs" in seen ? seen.outputs : last?.outputs
    return at === undefined || "absent" in seen ? {} : { script: removeEnvironment(at.path, at.hash) }
  },
  result: (_, want) => ({ path: want.path, hash: hashOf(want) }),
  failure: ({ exitCode, err }, want) => {
    const words = err.trim().slice(-1_500)
    if (exitCode === ENDS.refused) return new FettleError("FILE_REFUSED", words)
    if (exitCode === ENDS.noTool)
      return new FettleError("HOST_TOOLS", `the host cannot make an environment with ${want?.python}: ${words}`, {
        next: "install python3 and, on Debian, python3-venv there: host.package",
      })
    return exitCode === ENDS.failed ? new FettleError("CHANGE_FAILED", `pip: ${words}`) : undefined
  },
})

/** As pip compares names. */
function nameOf(line: string): string {
  return (/^[A-Za-z0-9._-]+/.exec(line)?.[0] ?? "").toLowerCase().replaceAll(/[._-]+/g, "-")
}

function pathOf({ id, want, last }: Key<Want, Outputs>): string {
  return want?.path ?? id ?? last?.outputs.path ?? ""
}

function hashOf({ requirements, python, options, hashes }: Want): string {
  return createHash("sha256")
    .update(JSON.stringify([requirements, python, options, hashes]))
    .digest("hex")
}

/** One answer serves all environments of a read. */
const known = new WeakMap<ScriptRecord, ReadonlyMap<string, string>>()

function notesOf(record: ScriptRecord): ReadonlyMap<string, string> {
  const lines = record.out.split("\n").map((line): [string, string] => {
    const at = line.indexOf(" ")
    return [line.slice(at + 1), line.slice(0, at)]
  })
  const found = known.get(record) ?? new Map(lines)
  known.set(record, found)
  return found
}

function answer(key: Key<Want, Outputs>, found: HostAnswer): Seen<Outputs> {
  const path = pathOf(key)
  const record = found.shared as ScriptRecord
  if (record.exitCode !== 0)
    return { failed: new FettleError("READ_FAILED", `${path}: ${record.out.trim().slice(-500)}`) }
  const said = notesOf(record).get(path) ?? "absent"
  return said === "absent" ? { absent: true } : { outputs: { path, hash: said === "other" ? "" : said } }
}

function plan(want: Want, seen: Seen<Outputs>, last: Last<Want, Outputs> | undefined): Change<Want> {
  if (!("outputs" in seen)) return { action: "create" }
  const { hash } = seen.outputs
  if (hash === hashOf(want)) return { action: "none" }
  const before =
    typeof last?.props.requirements === "string" && last.props.requirements.includes("\n")
      ? last.props.requirements
      : undefined
  const because =
    { "": "somebody else made it", unfinished: "it was brought up in part", broken: "its interpreter is gone" }[hash] ??
    "its requirements differ"
  return {
    action: "update",
    props: ["requirements"],
    because,
    ...(before === undefined || before === want.requirements ? {} : { text: textDiff(before, want.requirements) }),
  }
}
