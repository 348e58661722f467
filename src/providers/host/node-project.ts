import { z } from "zod"
import { type ChangeParts, type HostAnswer, type HostChange, hostKind } from "../../connect/host/kind.ts"
import { quote, quoteAll } from "../../connect/host/quote.ts"
import { THEIRS } from "../../connect/host/shell.ts"
import { FettleError } from "../../errors.ts"
import type { Change, Key, Seen } from "../../provider.ts"
import { hostPath } from "./props.ts"

const ENDS = { refused: 22, failed: 26, noTool: 42 } as const
/** Beside the packages, which npm takes out before it begins: what is noted there is whole. */
const NOTE = "node_modules/.fettle-lock"

const props = z.strictObject({
  path: hostPath.describe("The folder with package.json and package-lock.json, which host.tree or host.git bring."),
  dev: z.boolean().default(false).describe("Whether packages for development are installed, too."),
  scripts: z.boolean().default(true).describe("Whether the packages may run their install scripts."),
  user: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_.-]*\$?$/, "a user is a name")
    .optional()
    .describe("As whom npm runs, by su; needs root. Default: whoever fettle works as."),
})

const outputs = z.object({
  path: z.string(),
  /** SHA-256 as hex of the lockfile that was installed, and the options: what restarts a process when it changes. */
  hash: z.string(),
})

type Want = z.output<typeof props>
type Outputs = z.output<typeof outputs>

/**
 * The packages of a Node.js project: `npm ci` where the lockfile is another than the one that was installed.
 * @example resource(host.nodeProject, { path: "/srv/shop" }, { on: web, after: [code] })
 */
export const nodeProject = hostKind({
  kind: "host.nodeProject",
  version: 1,
  about: "The packages of a Node.js project, installed by npm ci when its lockfile has changed.",
  props,
  outputs,
  followsNeeds: true,
  stable: ["path"],
  timeoutMs: 900_000,
  id: (want) => want.path,
  predict: (want) => ({ path: want.path }),
  question: (key) => {
    const path = pathOf(key)
    return {
      sha256: [`${path}/package-lock.json`],
      script: `n=${quote(`${path}/${NOTE}`)}
if [ -f "$n" ]; then cat -- "$n"; elif [ -e ${quote(`${path}/node_modules`)} ]; then echo other; fi`,
    }
  },
  answer,
  plan,
  change: changeProject,
  removal: (seen, last) => {
    const at = "outputs" in seen ? seen.outputs : last?.outputs
    return at === undefined || "absent" in seen ? {} : { script: removeScript(at) }
  },
  result: ({ script }, want) => ({ path: want.path, hash: (script?.out ?? "").trim() }),
  failure: ({ exitCode, err }) => {
    const words = err.trim().slice(-1_500)
    if (exitCode === ENDS.refused) return new FettleError("FILE_REFUSED", words)
    if (exitCode === ENDS.noTool)
      return new FettleError("HOST_TOOLS", "the host has no npm", { next: "install it there: host.package" })
    return exitCode === ENDS.failed ? new FettleError("CHANGE_FAILED", `npm: ${words}`) : undefined
  },
})

function pathOf({ id, want, last }: Key<Want, Outputs>): string {
  return want?.path ?? id ?? last?.outputs.path ?? ""
}

function optionsOf({ dev, scripts }: Want): readonly string[] {
  return [...(dev ? [] : ["--omit=dev"]), ...(scripts ? [] : ["--ignore-scripts"])]
}

/** What is noted for a lockfile. */
function noteOf(want: Want, lock: string): string {
  return [lock, ...optionsOf(want)].join(" ")
}

function answer(key: Key<Want, Outputs>, found: HostAnswer): Seen<Outputs> {
  const path = pathOf(key)
  const { exitCode = 1, out = "" } = found.script ?? {}
  if (exitCode !== 0) return { failed: new FettleError("READ_FAILED", `${path}: ${out.trim().slice(-500)}`) }
  const lock = found.path(`${path}/package-lock.json`)
  const shown = { lock: typeof lock === "object" && "sha256" in lock ? (lock.sha256 ?? "") : "" }
  const hash = out.trim()
  return hash === "" ? { absent: true, shown } : { outputs: { path, hash }, shown }
}

function plan(want: Want, seen: Seen<Outputs>): Change<Want> {
  if (!("outputs" in seen)) return { action: "create" }
  const lock = typeof seen.shown?.lock === "string" ? seen.shown.lock : ""
  if (seen.outputs.hash === noteOf(want, lock)) return { action: "none" }
  const because =
    seen.outputs.hash === "other"
      ? "somebody else installed its packages"
      : "its lockfile or its options are others now"
  return { action: "update", props: ["path"], because }
}

function changeProject({ want, seen }: ChangeParts<Want, Outputs>): HostChange {
  const expect = "outputs" in seen ? seen.outputs.hash : ""
  const install = `umask 022; cd -- ${quote(want.path)} && exec npm ci --no-audit --no-fund --no-update-notifier ${quoteAll(optionsOf(want))}`
  const run =
    want.user === undefined ? `sh -c ${quote(install)}` : `su -s /bin/sh -c ${quote(install)} ${quote(want.user)}`
  const note = `cd -- ${quote(want.path)} && mkdir -p node_modules && cat >${NOTE}`
  const noting =
    want.user === undefined ? `sh -c ${quote(note)}` : `su -s /bin/sh -c ${quote(note)} ${quote(want.user)}`
  return {
    script: `${head(want.path, want.user === undefined)}l=$p/package-lock.json
[ -f "$l" ] || { printf 'there is no %s\\n' "$l" >&2; exit ${ENDS.refused}; }
command -v npm >/dev/null 2>&1 || exit ${ENDS.noTool}
h=$(sha256sum <"$l") || exit 20
w="\${h%% *}"${quote(
      optionsOf(want)
        .map((each) => ` ${each}`)
        .join(""),
    )}
[ "$now" = ${quote(expect)} ] || [ "$now" = "$w" ] || [ -z "$now" ] || exit 10
if [ "$now" != "$w" ]; then
  o=$(${run} 2>&1 </dev/null) || { printf '%s\\n' "$o" | head -n 15 >&2; exit ${ENDS.failed}; }
  sync; printf '%s\\n' "$w" | ${noting} || exit 20
fi
printf '%s\\n' "$w"`,
  }
}

function removeScript({ path, hash }: Outputs): string {
  return `${head(path, true)}[ -n "$now" ] || exit 0
[ "$now" = ${quote(hash)} ] || exit 10
[ ! -L "$p/node_modules" ] || exit 10
rm -rf -- "$p/node_modules"`
}

/** Sets `now` to what is noted. */
function head(path: string, guarded: boolean): string {
  return `strict=1 U=$(id -u) p=${quote(path)} now=
${THEIRS}
${guarded ? `[ ! -d "$p" ] || ! theirs "$p" || { printf '%s\\n' "$w" >&2; exit ${ENDS.refused}; }\n` : ""}if [ -f "$p/${NOTE}" ]; then read -r now <"$p/${NOTE}" || now=; elif [ -e "$p/node_modules" ]; then now=other; fi
`
}
