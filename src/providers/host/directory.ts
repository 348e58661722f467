import { posix } from "node:path"
import { z } from "zod"
import { type ChangeParts, type HostChange, hostKind, type ScriptRecord } from "../../connect/host/kind.ts"
import { quote } from "../../connect/host/quote.ts"
import { FettleError } from "../../errors.ts"
import type { Change, Seen } from "../../provider.ts"
import { account, fileMode, hostPath, ownerAs } from "./props.ts"
import { notOfType } from "./refused.ts"

/** Exit code of a removal that found something inside. */
const NOT_EMPTY = 30

const props = z.strictObject({
  path: hostPath,
  mode: fileMode.default("0755").describe('Permission bits. Default "0755".'),
  owner: account.optional().describe("Default: whoever fettle works as; of a directory that is there, its owner."),
  group: account.optional(),
  parents: z
    .boolean()
    .default(false)
    .describe("Makes missing parents too, with mode 0755. They are not removed again."),
  purge: z
    .boolean()
    .default(false)
    .describe("When it is removed, all that is in it goes with it. Without it only an empty directory is removed."),
})

const outputs = z.object({ path: z.string(), mode: z.string(), owner: z.string(), group: z.string() })

type Want = z.output<typeof props>
type Outputs = z.output<typeof outputs>

/**
 * A directory with this mode and owner. It is removed only when it is empty, unless `purge` says that all in it is its own.
 * @example resource(host.directory, "app", { path: "/srv/shop", mode: "0750" }, { on: web })
 */
export const directory = hostKind({
  kind: "host.directory",
  version: 1,
  about: "A directory with this mode and owner; removed only when it is empty, or with purge.",
  props,
  outputs,
  stable: ["path"],
  id: (want) => want.path,
  predict: (want) => ({ path: want.path, mode: want.mode }),
  question: ({ id, want, last }) => ({ stat: [want?.path ?? id ?? last?.outputs.path ?? ""] }),
  answer: ({ id, want, last }, found): Seen<Outputs> => {
    const path = want?.path ?? id ?? last?.outputs.path ?? ""
    const at = found.path(path)
    if (at === "absent") return { absent: true }
    if ("failed" in at || at.type !== "directory") return { failed: notOfType(path, at, "directory") }
    return { outputs: { path, mode: at.mode, ...ownerAs(want, at) } }
  },
  writesAt: ({ id, want, last }) => [posix.dirname(want?.path ?? id ?? last?.outputs.path ?? "/")],
  plan,
  change: changeDirectory,
  removal: (seen, last) => {
    const at = "outputs" in seen ? seen.outputs : last?.outputs
    return at === undefined || "absent" in seen
      ? {}
      : { brief: true, script: removal(quote(at.path), quote(posix.dirname(at.path)), last?.props.purge === true) }
  },
  result: ({ script }, want) => {
    const [mode = "", uid, gid, owner = "", group = ""] = (script?.out ?? "").trim().split(":")
    return {
      path: want.path,
      mode: mode.padStart(4, "0"),
      ...ownerAs(want, { uid: Number(uid), gid: Number(gid), owner, group }),
    }
  },
  failure: (script) => (script.exitCode === 10 ? undefined : refused(script)),
})

function plan(want: Want, seen: Seen<Outputs>): Change<Want> {
  if (!("outputs" in seen)) return { action: "create" }
  const { outputs: at } = seen
  const differs = (["mode", "owner", "group"] as const).filter(
    (name) => want[name] !== undefined && want[name] !== at[name],
  )
  if (differs.length === 0) return { action: "none" }
  return {
    action: "update",
    props: differs,
    because: differs.map((name) => `${name} is ${at[name]}, wanted ${want[name]}`).join("; "),
  }
}

function changeDirectory({ want, seen }: ChangeParts<Want, Outputs>): HostChange {
  const path = quote(want.path)
  const parent = quote(posix.dirname(want.path))
  const creates = !("outputs" in seen)
  const isFolder = `[ -d ${path} ] && [ ! -L ${path} ] || exit 10`
  // An empty one is as wanted: an earlier attempt may have come through late. What has something in it is somebody's.
  const guard = creates
    ? `if [ -e ${path} ] || [ -L ${path} ]; then ${isFolder}; rmdir -- ${path} 2>/dev/null || exit 10; fi`
    : isFolder
  const owner =
    want.owner === undefined && want.group === undefined
      ? ""
      : quote(want.group === undefined ? (want.owner as string) : `${want.owner ?? ""}:${want.group}`)
  const lines = [
    `safely ${parent}`,
    guard,
    creates && want.parents ? `( umask 022; mkdir -p -- ${parent} ) || exit 20` : "",
    creates ? `mkdir -m 700 -- ${path} || exit 20` : "",
    owner === "" ? "" : `chown -h -- ${owner} ${path} || exit 20`,
    `chmod -- ${want.mode} ${path} || exit 20`, // last: chown clears special bits, and nobody else gets in before it is theirs
    creates ? `keep ${parent} || exit 20` : "",
    `stat -c %a:%u:%g:%U:%G -- ${path}`,
  ]
  return { brief: true, script: lines.filter((line) => line !== "").join("\n") }
}

function removal(path: string, parent: string, purge: boolean): string {
  return `[ -e ${path} ] || [ -L ${path} ] || exit 0
safely ${parent}
[ -d ${path} ] && [ ! -L ${path} ] || exit 10
${purge ? `rm -rf -- ${path} || exit 20; keep ${parent}; exit 0` : ""}
if w=$(rmdir -- ${path} 2>&1); then keep ${parent}; exit; fi
cd -- ${path} || exit 20
n=0
for f in .* *; do
  case $f in .|..) continue;; esac
  [ -e "$f" ] || [ -L "$f" ] || continue
  n=$((n + 1)); [ $n -gt 5 ] || printf '%s\\n' "$f"
done
[ $n -gt 0 ] || { printf '%s\\n' "$w"; exit 20; }
[ $n -le 5 ] || printf 'and %s more\\n' $((n - 5))
exit ${NOT_EMPTY}`
}

function refused(script: ScriptRecord): FettleError {
  const words = script.out.trim()
  if (script.exitCode !== NOT_EMPTY) return new FettleError("FILE_REFUSED", words)
  return new FettleError("FILE_REFUSED", `the directory is not empty: it holds ${words.split("\n").join(", ")}`, {
    next: "remove what is in it, or keep the directory with retain: true",
  })
}
