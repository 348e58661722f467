import { posix } from "node:path"
import { z } from "zod"
import { type ChangeParts, type HostChange, hostKind, type ScriptRecord } from "../../connect/host/kind.ts"
import { FettleError } from "../../errors.ts"
import type { Change, Key, Seen } from "../../provider.ts"
import { ENDS, readScript, removeScript, unpackScript } from "./archive-script.ts"
import { account, fileMode, hostPath } from "./props.ts"

const props = z
  .strictObject({
    path: hostPath
      .refine((path) => !path.includes("\n"), "a folder for an archive has no line break in its name")
      .describe("The folder it is unpacked into; made where it is missing, its parent must be there."),
    archive: hostPath.describe("The archive on the host: what host.download or host.file brings."),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, "a SHA-256 has 64 hexadecimal digits")
      .describe(
        "SHA-256 of the archive, as hex: with another one it is unpacked again. Give the output: download.hash.",
      ),
    format: z
      .enum(["tar", "zip"])
      .optional()
      .describe('"tar", however it is packed (as far as the host\'s tar knows it), or "zip". Default: by its ending.'),
    strip: z
      .int()
      .min(0)
      .max(20)
      .default(0)
      .describe("How many folders at its top, each alone in the one above, are left out."),
    mode: fileMode.default("0755").describe('Permission bits of the folder. Default "0755".'),
    owner: account.optional().describe("Of all that comes out of it. Default: whoever fettle works as."),
    group: account.optional(),
  })
  .superRefine((given, context) => {
    if (formatOf(given) === undefined)
      context.addIssue({
        code: "custom",
        path: ["format"],
        message: "the ending of the archive tells no format: give one",
      })
  })

type Format = "tar" | "zip"

function formatOf({
  archive,
  format,
}: {
  readonly archive: string
  readonly format?: Format | undefined
}): Format | undefined {
  if (format !== undefined) return format
  if (/\.(tar(\.[a-z0-9]+)?|tgz|tbz2?|txz|tzst)$/i.test(archive)) return "tar"
  return /\.(zip|jar|war)$/i.test(archive) ? "zip" : undefined
}

const outputs = z.object({
  path: z.string(),
  /** SHA-256 as hex of the archive that was unpacked last. */
  hash: z.string(),
  files: z.number(),
})

type Want = z.output<typeof props>
type Outputs = z.output<typeof outputs>

/**
 * An archive unpacked into a folder, once for each hash. What it wrote is noted there: a later archive takes out what it no longer
 * holds, a removal all of it, and what others put there stays. A file of it that is gone is brought back; one that was changed is not
 * looked at.
 * @example resource(host.archive, { path: "/opt/shop", archive: "/opt/shop.tar.gz", sha256: "0".repeat(64), strip: 1 }, { on: web })
 */
export const archive = hostKind({
  kind: "host.archive",
  version: 1,
  about: "A tar or zip archive unpacked into a folder, once for each hash; what it wrote is noted, and goes with it.",
  props,
  outputs,
  stable: ["path"],
  timeoutMs: 600_000,
  id: (want) => want.path,
  predict: (want) => ({ path: want.path, hash: want.sha256 }),
  question: (key) => ({ shared: { script: readScript, words: [pathOf(key)] } }),
  answer: (key, found): Seen<Outputs> => {
    const path = pathOf(key)
    const record = found.shared as ScriptRecord
    if (record.exitCode !== 0)
      return { failed: new FettleError("READ_FAILED", `${path}: ${record.out.trim().slice(-500)}`) }
    const at = notesOf(record).get(path)
    const hash = at?.get("hash")
    if (hash === undefined) return { absent: true }
    return {
      outputs: { path, hash, files: Number(at?.get("files")) },
      shown: { gone: Number(at?.get("gone")) },
    }
  },
  plan,
  change: changeArchive,
  removal: (seen, last) => {
    const at = "outputs" in seen ? seen.outputs : last?.outputs
    return at === undefined || "absent" in seen ? {} : { script: removeScript(at.path, at.hash) }
  },
  result: ({ script }, want) => ({ path: want.path, hash: want.sha256, files: Number((script?.out ?? "").trim()) }),
  failure,
})

function pathOf({ id, want, last }: Key<Want, Outputs>): string {
  return want?.path ?? id ?? last?.outputs.path ?? ""
}

/** One answer serves all archives of a read. */
const known = new WeakMap<ScriptRecord, ReadonlyMap<string, ReadonlyMap<string, string>>>()

function notesOf(record: ScriptRecord): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const found =
    known.get(record) ??
    new Map(
      record.out.split("\n\n").map((part): [string, ReadonlyMap<string, string>] => {
        const words = part.split("\n").map((line): [string, string] => {
          const [name = "", ...rest] = line.split(" ")
          return [name, rest.join(" ")]
        })
        const note = new Map(words)
        return [note.get("at") ?? "", note]
      }),
    )
  known.set(record, found)
  return found
}

function plan(want: Want, seen: Seen<Outputs>): Change<Want> {
  if (!("outputs" in seen)) return { action: "create" }
  const gone = Number(seen.shown?.gone ?? 0)
  if (seen.outputs.hash !== want.sha256)
    return {
      action: "update",
      props: ["sha256"],
      because: seen.outputs.hash === "unfinished" ? "it was unpacked in part" : "another archive was unpacked",
    }
  if (gone > 0)
    return { action: "update", props: ["sha256"], because: `${gone} of its ${seen.outputs.files} files are gone` }
  return { action: "none" }
}

function changeArchive({ want, seen }: ChangeParts<Want, Outputs>): HostChange {
  return {
    script: unpackScript({
      path: want.path,
      archive: want.archive,
      sha256: want.sha256,
      format: formatOf(want) as Format,
      strip: want.strip,
      mode: want.mode,
      owner: want.group === undefined ? (want.owner ?? "") : `${want.owner ?? ""}:${want.group}`,
      expect: "outputs" in seen ? seen.outputs.hash : "",
    }),
  }
}

function failure({ exitCode, err }: ScriptRecord, want: Want | undefined): FettleError | undefined {
  const words = err.trim().slice(-1_000)
  const name = posix.basename(want?.archive ?? "the archive")
  if (exitCode === ENDS.refused) return new FettleError("FILE_REFUSED", words)
  if (exitCode === ENDS.failed) return new FettleError("CHANGE_FAILED", `${name} cannot be unpacked: ${words}`)
  if (exitCode === ENDS.noTool) return new FettleError("HOST_TOOLS", words, { next: "install it there: host.package" })
  if (exitCode !== ENDS.otherHash) return undefined
  return new FettleError("CHANGE_FAILED", `${name} is not what is wanted: its SHA-256 is ${words}`)
}
