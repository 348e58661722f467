import { z } from "zod"
import { type ChangeParts, type HostChange, hostKind, type ScriptRecord } from "../../connect/host/kind.ts"
import { FettleError } from "../../errors.ts"
import type { Change, Seen } from "../../provider.ts"
import { Secret } from "../../secrets/secret.ts"
import { secretText } from "../../secrets/secret-text.ts"
import { downloadScript, downloadSlots, ENDS } from "./download-script.ts"
import { account, fileMode, hostPath, ownerAs } from "./props.ts"
import { notOfType } from "./refused.ts"

const props = z.strictObject({
  path: hostPath,
  url: z
    .string()
    .regex(
      /^https?:\/\/[^\s\p{C}/@]+(\/[^\s\p{C}]*)?$/u,
      "an address begins with https://HOST or http://HOST, without a password in it",
    )
    .describe("Where the host fetches it. The hash decides, not the address: a new address alone changes nothing."),
  sha256: z
    .string()
    .transform((hash) => hash.toLowerCase())
    .pipe(z.string().regex(/^[0-9a-f]{64}$/, "a SHA-256 has 64 hexadecimal digits"))
    .describe("SHA-256 of what must come, as hex. What has another is not put in place."),
  headers: z
    .record(
      z.string().regex(/^[A-Za-z0-9-]+$/, "a header is named by letters, digits and -"),
      z.union([z.string().regex(/^[^\0\r\n]*$/, "a header is one line"), secretText]),
    )
    .default({})
    .describe("Headers of the request. Credentials go here, as secrets: { Authorization: … }."),
  mode: fileMode.default("0644").describe('Permission bits. Default "0644".'),
  owner: account.optional().describe("Default: whoever fettle works as; of a file that is there, its owner."),
  group: account.optional(),
})

const outputs = z.object({
  path: z.string(),
  /** SHA-256 as hex. */
  hash: z.string(),
  sizeBytes: z.number(),
  mode: z.string(),
  owner: z.string(),
  group: z.string(),
})

type Want = z.output<typeof props>
type Outputs = z.output<typeof outputs>

/**
 * A file that the host fetches by HTTP with its own curl or wget. It is known by its hash, and put in place whole or not at all.
 * @example resource(host.download, { path: "/opt/shop.tar.gz", url: "https://example.com/shop.tar.gz", sha256: "9f86d0…" }, { on: web })
 */
export const download = hostKind({
  kind: "host.download",
  version: 1,
  about: "A file that the host fetches by HTTP, known by its hash.",
  props,
  outputs,
  stable: ["path"],
  /** Half an hour: two gigabytes at a megabyte a second. */
  timeoutMs: 1_800_000,
  id: (want) => want.path,
  predict: (want) => ({ path: want.path, hash: want.sha256, mode: want.mode }),
  question: ({ id, want, last }) => ({ sha256: [want?.path ?? id ?? last?.outputs.path ?? ""] }),
  answer: ({ id, want, last }, found): Seen<Outputs> => {
    const path = want?.path ?? id ?? last?.outputs.path ?? ""
    const at = found.path(path)
    if (at === "absent") return { absent: true }
    if ("failed" in at || at.type !== "file") return { failed: notOfType(path, at, "file") }
    const { sha256 = "", sizeBytes, mode } = at
    return { outputs: { path, hash: sha256, sizeBytes, mode, ...ownerAs(want, at) } }
  },
  plan,
  change: changeDownload,
  removal: (seen, last) => {
    const at = "outputs" in seen ? seen.outputs : last?.outputs
    return at === undefined || "absent" in seen ? {} : { removes: [{ path: at.path, expect: at.hash }] }
  },
  result: ({ script }, want) => {
    const [size, mode = "", uid, gid, owner = "", group = ""] = (script?.out ?? "").trim().split(":")
    return {
      path: want.path,
      hash: want.sha256,
      sizeBytes: Number(size),
      mode: mode.padStart(4, "0"),
      ...ownerAs(want, { uid: Number(uid), gid: Number(gid), owner, group }),
    }
  },
  failure,
})

function plan(want: Want, seen: Seen<Outputs>): Change<Want> {
  if (!("outputs" in seen)) return { action: "create" }
  const { outputs: at } = seen
  const rest = (["mode", "owner", "group"] as const).filter(
    (name) => want[name] !== undefined && want[name] !== at[name],
  )
  const because = rest.map((name) => `${name} is ${at[name]}, wanted ${want[name]}`)
  if (at.hash === want.sha256)
    return rest.length === 0 ? { action: "none" } : { action: "update", props: rest, because: because.join("; ") }
  return { action: "update", props: ["sha256", ...rest], because: ["its hash is another one", ...because].join("; ") }
}

function changeDownload({ want, seen }: ChangeParts<Want, Outputs>): HostChange {
  const at = "outputs" in seen ? seen.outputs : undefined
  const [owner = "", group = ""] = [want.owner ?? at?.owner, want.group ?? at?.group]
  return {
    script: downloadScript({
      path: want.path,
      sha256: want.sha256,
      expect: at?.hash ?? "absent",
      mode: want.mode,
      owner: group === "" ? owner : `${owner}:${group}`,
      hasSecrets: Object.values(want.headers).some((each) => each instanceof Secret),
    }),
    slots: downloadSlots(want.url, want.headers),
  }
}

function failure({ exitCode, err }: ScriptRecord, want: Want | undefined): FettleError | undefined {
  const words = err.trim()
  if (exitCode === ENDS.noFolder || exitCode === ENDS.refused) return new FettleError("FILE_REFUSED", words)
  if (exitCode === ENDS.noTool)
    return new FettleError("HOST_TOOLS", words, { next: "install curl there: host.package" })
  if (exitCode === ENDS.failed) return new FettleError("CHANGE_FAILED", `${want?.url} cannot be fetched: ${words}`)
  if (exitCode !== ENDS.otherHash) return undefined
  const [size, hash] = words.split(" ")
  return new FettleError(
    "CHANGE_FAILED",
    `what came from ${want?.url} is not what is wanted: ${size} bytes with the SHA-256 ${hash}`,
    { next: "find out who changed it; where that is right, correct sha256" },
  )
}
