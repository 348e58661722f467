import { createHash } from "node:crypto"
import {
  type ChangeParts,
  type HostAnswer,
  type HostChange,
  type HostContent,
  hostKind,
} from "../../connect/host/kind.ts"
import { FettleError } from "../../errors.ts"
import { textDiff } from "../../events/text-diff.ts"
import type { Change, Key, Last, Seen } from "../../provider.ts"
import { refreshScript } from "./package-scripts.ts"
import { endedBefore } from "./package-seen.ts"
import { notOfType } from "./refused.ts"
import { foldersOf, keyFile, sourceFile, sourceText } from "./repository-files.ts"
import {
  type RepositoryOutputs as Outputs,
  repositoryOutputs as outputs,
  repositoryProps as props,
  type RepositoryWant as Want,
  whatIsWrongWithKey,
} from "./repository-props.ts"

/** Most bytes of a file of sources that are shown in a diff. */
const DIFF_MAX = 20_000

/**
 * A repository of packages: a file of its own for apt (deb822), dnf or apk, with the key that signs it, whose fingerprint is checked
 * before anything is sent. Its list is fetched in the same request, so that a package after it is found.
 * @example resource(host.repository, { name: "shop", apt: { uris: ["https://packages.example.com"], suites: ["stable"], components: ["main"] }, key: { source: "shop.asc", fingerprints: ["B8B8 0B5B …"] } }, { on: web })
 */
export const repository = hostKind({
  kind: "host.repository",
  version: 1,
  about: "A repository of packages for apt, dnf or apk, with the key that signs it.",
  props,
  outputs,
  stable: ["name"],
  /** Ten minutes: a list of 50 MB over a slow line, and two minutes of waiting for somebody else. */
  timeoutMs: 600_000,
  id: sourceFile,
  predict: (want) => {
    const key = keyHash(want)
    return { name: want.name, source: sha256Of(sourceText(want)), ...(key === undefined ? {} : { key }) }
  },
  question: (key) => {
    const want = wantOf(key)
    const file = keyFile(want)
    const local = key.want?.key?.source
    return {
      sha256: [sourceFile(want), ...(file === undefined ? [] : [file])],
      textUnless: { path: sourceFile(want), sha256: sha256Of(sourceText(want)), maxBytes: DIFF_MAX },
      ...(local === undefined ? {} : { local: [local] }),
    }
  },
  answer,
  plan,
  change: changeRepository,
  exclusive: () => "packages",
  removal: (seen, last) => {
    if (last === undefined || "absent" in seen) return {}
    const at = "outputs" in seen ? seen.outputs : last.outputs
    const file = keyFile(last.props)
    return {
      removes: [
        ...(at.source === "" ? [] : [{ path: sourceFile(last.props), expect: at.source }]),
        ...(file === undefined || at.key === "" ? [] : [{ path: file, expect: at.key }]),
      ],
    }
  },
  result: (outcome, want) => {
    const file = keyFile(want)
    return {
      name: want.name,
      source: outcome.path(sourceFile(want)).sha256 ?? "",
      key: file === undefined ? "" : (outcome.path(file).sha256 ?? ""),
    }
  },
  failure: (script) =>
    endedBefore(script) ??
    new FettleError("CHANGE_FAILED", `its package list cannot be fetched: ${script.err.trim().slice(-1_000)}`, {
      next: "correct its address or its key, or leave the list with refresh: false",
    }),
})

function wantOf({ want, last }: Pick<Key<Want, Outputs>, "want" | "last">): Want {
  return (want ?? last?.props) as Want
}

function answer(key: Key<Want, Outputs>, found: HostAnswer): Seen<Outputs> {
  const want = wantOf(key)
  const hashes: string[] = []
  for (const path of [sourceFile(want), keyFile(want)]) {
    const at = path === undefined ? "absent" : found.path(path)
    if (at !== "absent" && ("failed" in at || at.type !== "file"))
      return { failed: notOfType(path as string, at, "file") }
    hashes.push(at === "absent" ? "" : (at.sha256 ?? ""))
  }
  const local = localKey(key.want, found)
  if (local !== undefined && "wrong" in local) return { failed: new FettleError("FILE_REFUSED", local.wrong) }
  const [source = "", signer = ""] = hashes
  if (source === "" && signer === "") return { absent: true }
  return {
    outputs: { name: want.name, source, key: signer },
    shown: {
      ...(local === undefined ? {} : { wanted: local.sha256 }),
      ...(found.text === undefined ? {} : { text: found.text }),
    },
  }
}

/** The key of a local file, which is looked at before anything is planned. */
function localKey(
  want: Want | undefined,
  found: Pick<HostAnswer, "local">,
): { readonly sha256: string } | { readonly wrong: string } | undefined {
  const path = want?.key?.source
  if (path === undefined) return undefined
  const local = found.local(path)
  if ("failed" in local) return { wrong: `the key ${path} cannot be read: ${local.failed}` }
  if (local.text === undefined) return { wrong: `the key ${path} is not armored text of at most 64 KB` }
  const wrong = want?.apk === undefined ? whatIsWrongWithKey(local.text, want?.key?.fingerprints) : undefined
  return wrong === undefined ? { sha256: local.sha256 } : { wrong: `the key ${path}: ${wrong}` }
}

function plan(want: Want, seen: Seen<Outputs>, last: Last<Want, Outputs> | undefined): Change<Want> {
  const text = sourceText(want)
  if (!("outputs" in seen)) return { action: "create", text: textDiff("", text) }
  const { outputs: at, shown } = seen
  const manager = want.apt !== undefined ? "apt" : want.dnf !== undefined ? "dnf" : "apk"
  const differs = sha256Of(text) !== at.source
  const key = typeof shown?.wanted === "string" ? shown.wanted : (keyHash(want) ?? "")
  const moved = key !== at.key
  if (!differs && !moved)
    return last?.unfinished === true && want.refresh
      ? { action: "update", props: ["refresh"], because: "its list was not fetched" }
      : { action: "none" }
  return {
    action: "update",
    props: [...(differs ? [manager as "apt"] : []), ...(moved ? ["key" as const] : [])],
    because: [
      ...(differs ? [`${sourceFile(want)} ${at.source === "" ? "is not there" : "differs"}`] : []),
      ...(moved ? [at.key === "" ? "its key is not there" : "its key is another one"] : []),
    ].join("; "),
    ...(differs ? { text: textDiff(typeof shown?.text === "string" ? shown.text : "", text) } : {}),
  }
}

function changeRepository({ want, seen }: ChangeParts<Want, Outputs>): HostChange {
  const at = "outputs" in seen ? seen.outputs : undefined
  const file = keyFile(want)
  const content = keyContent(want)
  const put = (path: string, text: HostContent, before: string | undefined) =>
    ({ path, content: text, mode: "0644", expect: before === undefined || before === "" ? "absent" : before }) as const
  const manager = want.apt !== undefined ? "apt" : want.dnf !== undefined ? "dnf" : "apk"
  return {
    folders: foldersOf(want).map((path) => ({ path, mode: "0755" })),
    puts: [
      ...(file === undefined || content === undefined ? [] : [put(file, content, at?.key)]),
      put(sourceFile(want), sourceText(want), at?.source),
    ],
    ...(want.refresh
      ? {
          script: refreshScript({
            manager,
            name: want.name,
            file: sourceFile(want),
            // One that was new and cannot be used is not left behind: apt would complain of it at every turn.
            undo: at === undefined ? [sourceFile(want), ...(file === undefined ? [] : [file])] : [],
            lockWaitMs: want.lockWaitMs,
          }),
        }
      : {}),
  }
}

function keyContent({ key }: Want): HostContent | undefined {
  return key?.source === undefined ? key?.content : { local: key.source }
}

/** Of the key in the props; undefined where a local file decides, "" where there is none. */
function keyHash({ key }: Want): string | undefined {
  if (key === undefined) return ""
  return key.content === undefined ? undefined : sha256Of(key.content)
}

function sha256Of(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex")
}
