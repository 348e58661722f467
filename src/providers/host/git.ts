import { z } from "zod"
import { type ChangeParts, type HostAnswer, type HostChange, hostKind } from "../../connect/host/kind.ts"
import { FettleError } from "../../errors.ts"
import type { Change, Key, Seen } from "../../provider.ts"
import { secretText } from "../../secrets/secret-text.ts"
import { changeScript, NO_GIT, REFUSED, readScript, removeScript, writesIn } from "./git-script.ts"
import { hostPath } from "./props.ts"
import { notOfType } from "./refused.ts"

const ref = z
  .string()
  .max(200)
  .regex(
    /^(?![-./])(?!.*(\.\.|\/\/|@\{|\.lock(\/|$)))[^\s\p{C}~^:?*[\\]*[^\s\p{C}~^:?*[\\./]$/u,
    "that is no name of a branch or a tag",
  )

const props = z
  .strictObject({
    path: hostPath.describe("The folder of the checkout. Its parent must be there."),
    repository: z
      .string()
      .regex(/^(?!-)[^\0\n]+$/, "a repository is a URL or a path")
      .refine((url) => !/^[a-z+]+:\/\/[^/@]*:[^/@]*@/i.test(url), "no password in the URL: use token or tokenFile")
      .describe("A URL or a path, as git takes it; no password in it."),
    branch: ref.optional().describe("Follows a branch. Default: what HEAD of the repository points to."),
    tag: ref.optional().describe("Stands at a tag, as it was when it was fetched."),
    commit: z
      .string()
      .regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/, "a commit is its whole hash")
      .optional()
      .describe("Stands at a commit."),
    depth: z.int().min(1).optional().describe("Fetches only so many commits."),
    submodules: z.boolean().default(false).describe("Checks out submodules, too."),
    user: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_.-]*\$?$/, "a user is a name")
      .optional()
      .describe("As whom git works, and to whom the checkout belongs; needs root. Default: whoever fettle works as."),
    keyFile: hostPath.optional().describe("A file on the host with the private key for ssh."),
    knownHosts: hostPath.optional().describe("A file on the host with the host keys that ssh accepts, and no others."),
    tokenFile: hostPath.optional().describe("A file on the host with the password or token for https."),
    key: secretText
      .optional()
      .describe("The private key for ssh, there only while git works. A plan cannot use it: give tag or commit."),
    token: secretText
      .optional()
      .describe(
        "The password or token for https, there only while git works. A plan cannot use it: give tag or commit.",
      ),
    username: z
      .string()
      .regex(/^[^\0\n]+$/)
      .default("git")
      .describe("The user name that goes with a token."),
    force: z
      .boolean()
      .default(false)
      .describe("Throws local modifications and commits away. Without it they are refused."),
  })
  .superRefine((given, context) => {
    const issue = (message: string): void => context.addIssue({ code: "custom", message })
    if ([given.branch, given.tag, given.commit].filter((each) => each !== undefined).length > 1)
      issue("give one of branch, tag and commit")
    if (given.key === undefined && given.token === undefined) return
    if (given.tag === undefined && given.commit === undefined)
      issue("a branch is asked for in every plan, which opens no secrets: give tag or commit, or keyFile or tokenFile")
    if (given.user !== undefined) issue("another user cannot read key and token: give keyFile or tokenFile")
  })

const outputs = z.object({
  path: z.string(),
  repository: z.string(),
  /** The whole hash. */
  commit: z.string(),
})

type Want = z.output<typeof props>
type Outputs = z.output<typeof outputs>

/**
 * A checkout of a git repository. Local modifications are refused, not overwritten, unless `force` says otherwise.
 * @example resource(host.git, { path: "/srv/shop", repository: "https://example.com/shop.git", tag: "v1.2.0" }, { on: web })
 */
export const git = hostKind({
  kind: "host.git",
  version: 1,
  about: "A checkout of a git repository at a branch, a tag or a commit.",
  props,
  outputs,
  stable: ["path"],
  timeoutMs: 600_000,
  id: (want) => want.path,
  predict: (want, seen) => {
    const commit = commitOf(want, seen)
    return { path: want.path, repository: want.repository, ...(commit === undefined ? {} : { commit }) }
  },
  question: ({ want, last }) => {
    const at = (want ?? last?.props) as Want
    return { stat: [at.path], script: readScript(at, want !== undefined) }
  },
  writesAt: ({ want, last }) => {
    const at = (want ?? last?.props) as Want
    return at.user === undefined ? writesIn(at) : [] // as another user it may be that one's own folder
  },
  answer,
  plan,
  change: changeGit,
  removal: (seen, last) =>
    last === undefined || "absent" in seen
      ? {}
      : { script: removeScript(last.props, last.outputs.commit), writesIn: writesIn(last.props) },
  result: ({ script }, want) => ({
    path: want.path,
    repository: want.repository,
    commit: (script?.out ?? "").trim().split("\n").at(-1) ?? "",
  }),
  failure: ({ exitCode, out, err }) => {
    if (exitCode === NO_GIT) return new FettleError("HOST_TOOLS", "the host has no git")
    return exitCode === REFUSED ? new FettleError("FILE_REFUSED", (err || out).trim()) : undefined
  },
})

function answer({ want, last }: Key<Want, Outputs>, found: HostAnswer): Seen<Outputs> {
  const wanted = (want ?? last?.props) as Want
  const { path } = wanted
  const at = found.path(path)
  if (at !== "absent" && ("failed" in at || at.type !== "directory"))
    return { failed: notOfType(path, at, "directory") }
  const { exitCode = 1, out = "" } = found.script ?? {}
  if (exitCode === NO_GIT) return { failed: new FettleError("HOST_TOOLS", "the host has no git") }
  if (exitCode === REFUSED) return { failed: new FettleError("FILE_REFUSED", `${path}: ${out.trim()}`) }
  if (exitCode !== 0)
    return { failed: new FettleError("READ_FAILED", `${path}: ${out.trim() || `exit code ${exitCode}`}`) }
  const lines = out
    .split("\n")
    .map((each) => [each.slice(0, each.indexOf(" ")), each.slice(each.indexOf(" ") + 1)] as const)
  const said = new Map(lines)
  const to = wanted.commit ?? said.get("to") ?? ""
  const unfinished = said.has("unfinished")
  if (!said.has("head")) return { absent: true, shown: { to } }
  const dirty = lines.filter(([word]) => word === "dirty").map(([, each]) => each)
  // What our own checkout left when it was cut off is nobody's modification.
  if (want !== undefined && dirty.length > 0 && !want.force && !unfinished)
    return {
      failed: new FettleError("FILE_REFUSED", `${path} has local modifications: ${dirty.join(", ")}`, {
        next: "commit or undo them there, or throw them away with force: true",
      }),
    }
  const outputs = { path, repository: said.get("url") ?? "", commit: said.get("head") ?? "" }
  return { outputs, shown: { to, dirty: dirty.length > 0, unfinished } }
}

function plan(want: Want, seen: Seen<Outputs>): Change<Want> {
  const to = "shown" in seen && typeof seen.shown?.to === "string" ? seen.shown.to : ""
  if (!("outputs" in seen)) return { action: "create", ...(to === "" ? {} : { text: `+${to}` }) }
  const { commit, repository } = seen.outputs
  const name = want.commit !== undefined ? "commit" : want.tag !== undefined ? "tag" : "branch"
  const wanted = want.commit ?? to
  const moved = wanted === "" || wanted !== commit
  const names: (keyof Want & string)[] = []
  if (repository !== want.repository) names.push("repository")
  if (moved) names.push(name)
  const words = [
    repository === want.repository ? [] : [`it comes from ${repository || "nowhere"}`],
    moved ? [`${commit.slice(0, 12) || "nothing"}..${wanted.slice(0, 12) || want[name] || "HEAD"}`] : [],
    seen.shown?.dirty === true && !moved ? ["local modifications are thrown away"] : [],
    seen.shown?.unfinished === true && !moved ? ["a checkout was cut off"] : [],
  ].flat()
  if (words.length === 0) return { action: "none" }
  return { action: "update", props: names.length > 0 ? names : ["force"], because: words.join("; ") }
}

function changeGit({ want, seen, last }: ChangeParts<Want, Outputs>): HostChange {
  const commits = ["outputs" in seen ? seen.outputs.commit : "", last?.outputs.commit ?? ""].filter(
    (each) => each !== "",
  )
  return {
    script: changeScript(want, {
      from: [...new Set(commits)],
      recorded: last?.outputs.commit,
      to: commitOf(want, seen),
    }),
    writesIn: writesIn(want),
    ...slotsOf(want),
  }
}

/** The commit that a change is held to: where a branch has moved since it was asked for, the change is refused. */
function commitOf({ commit, tag }: Want, seen: Seen<Outputs> | undefined): string | undefined {
  const to = seen !== undefined && "shown" in seen ? seen.shown?.to : undefined
  return commit ?? (tag === undefined && typeof to === "string" && to !== "" ? to : undefined)
}

function slotsOf({ key, token }: Want): Pick<HostChange, "slots"> {
  const slots = { ...(key === undefined ? {} : { key }), ...(token === undefined ? {} : { token }) }
  return Object.keys(slots).length === 0 ? {} : { slots }
}
