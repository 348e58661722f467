import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import type { Approved } from "../audit/fact.ts"
import { causeText, FettleError } from "../errors.ts"
import { type Approval, approvalText, isPending, type Plan, type SavedPlan } from "../events/plan.ts"
import type { ApprovalRule } from "../program/approvals.ts"
import { type DataKey, findKey } from "../secrets/key.ts"
import type { RunSetup } from "./context.ts"

/** What an approval is signed for: a signature for another purpose is none. */
export const NAMESPACE = "fettle-approval"

/** How much a clock may differ from the one that wrote an approval. */
const SKEW_MS = 60_000

/**
 * Refuses to carry out a plan that a stage wants others to say yes to, and that they have not.
 * @returns who did
 * @throws FettleError `APPROVAL_MISSING`
 */
export async function refuseUnapproved(
  { program, tools, key }: Pick<RunSetup, "program" | "tools" | "key">,
  now: Plan,
  saved: Plan | undefined,
): Promise<readonly Approved[]> {
  const rule = program.options.approvals?.[now.stage]
  if (rule === undefined || !now.changes.some(isPending)) return []
  if (saved === undefined || !isSaved(saved))
    throw new FettleError(
      "APPROVAL_MISSING",
      `${now.stage} is changed by approved plans only, and this one was not saved`,
    )
  const signers = resolve(tools.cwd, rule.from)
  refuseUnreadable(signers, now.stage)
  const folder = mkdtempSync(join(tmpdir(), "fettle-approvals-"))
  try {
    const found = await Promise.all(
      saved.approvals.map((approval, at) =>
        "seal" in approval
          ? linkedBy(saved, approval, rule, signers, findKey(key))
          : signerOf(saved, approval, signers, join(folder, String(at)), tools),
      ),
    )
    return enough(saved, rule, found)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function isSaved(plan: Plan): plan is SavedPlan {
  return "approvals" in plan && "saved" in plan
}

type Found = Approved | { readonly why: string }

/** What seals an approval by a link: the plan, the time, and whose link it was. */
export function linkSeal(key: DataKey, plan: SavedPlan, atMs: number, name: string): string {
  return key.authenticate("approval by a link", approvalText(plan, atMs), name)
}

/** Whose link it was, if the rule takes links, and that person may. */
function linkedBy(
  plan: SavedPlan,
  { atMs, name, seal }: Extract<Approval, { seal: string }>,
  { byLink = false, from }: ApprovalRule,
  signers: string,
  key: DataKey | undefined,
): Found {
  if (!byLink) return { why: "one is by a link, and only signatures count here" }
  if (!isOfItsTime(plan, atMs)) return { why: "one is not of the time of this plan" }
  if (key === undefined || linkSeal(key, plan, atMs, name) !== seal) return { why: "one is by a link for another plan" }
  if (!namesIn(readFileSync(signers, "utf8")).has(name))
    return { why: `one is by a link for ${name}, who is not in ${from}` }
  return { name, at: new Date(atMs).toISOString(), by: "link" }
}

/** The names of a file of signers: the first word of each line, where several stand with commas between them. */
function namesIn(text: string): ReadonlySet<string> {
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"))
  return new Set(lines.flatMap((line) => (line.trim().split(/\s/)[0] as string).split(",")))
}

function isOfItsTime(plan: SavedPlan, atMs: number): boolean {
  return atMs >= plan.saved.atMs - SKEW_MS && atMs <= Date.now() + SKEW_MS
}

/** Who signed, as the file of signers names them; or why it does not count. */
async function signerOf(
  plan: SavedPlan,
  { atMs, signature }: Extract<Approval, { signature: string }>,
  signers: string,
  file: string,
  { run, baseEnv }: RunSetup["tools"],
): Promise<Found> {
  if (!isOfItsTime(plan, atMs)) return { why: "one is not of the time of this plan" }
  writeFileSync(file, signature, { mode: 0o600 })
  const keygen = async (...words: readonly string[]): Promise<string | undefined> => {
    const command = ["ssh-keygen", "-Y", ...words, "-s", file] as const
    const { exitCode, stdout } = await run(command, { env: baseEnv, check: false, input: approvalText(plan, atMs) })
    return exitCode === 0 ? Buffer.from(stdout).toString() : undefined
  }
  const names = (await keygen("find-principals", "-f", signers))?.trim().split("\n").filter(Boolean) ?? []
  for (const name of names)
    if ((await keygen("verify", "-f", signers, "-I", name, "-n", NAMESPACE)) !== undefined)
      return { name, at: new Date(atMs).toISOString(), by: "signature" }
  return { why: names.length === 0 ? "one is by a key that may not" : "one was given to another plan" }
}

function enough(
  plan: SavedPlan,
  { from, count = 1, byAuthor = false }: ApprovalRule,
  found: readonly Found[],
): readonly Approved[] {
  const names = [...new Set(found.flatMap((each) => ("name" in each ? [each.name] : [])))]
  const others = names.filter((name) => byAuthor || !isAuthor(name, plan.saved.by))
  if (others.length >= count) return found.filter((each) => "name" in each && others.includes(each.name)) as Approved[]
  const because = [
    ...(names.length > others.length ? [`${plan.saved.by} made the plan and may not approve it`] : []),
    ...new Set(found.flatMap((each) => ("why" in each ? [each.why] : []))),
  ]
  const has = others.length === 0 ? "none counts" : `it has ${others.length}, by ${others.join(", ")}`
  throw new FettleError(
    "APPROVAL_MISSING",
    `${plan.stage} wants ${count === 1 ? "an approval" : `${count} approvals`} by those in ${from}; ${has}${because.length === 0 ? "" : `: ${because.join("; ")}`}`,
    { next: "fettle approve FILE, by somebody who stands there; then fettle apply FILE" },
  )
}

/** Whether a name of the signers is that of who made the plan: the machine's user, or the person that CI names. */
function isAuthor(name: string, by: string): boolean {
  const local = (text: string): string => text.split("@")[0] as string
  const [user = "", actor] = by.toLowerCase().split(" for ") // GitHub's names are the same in any case
  const own = name.toLowerCase()
  return [user, actor].some((each) => each !== undefined && (each === own || local(each) === local(own)))
}

function refuseUnreadable(file: string, stage: string): void {
  try {
    readFileSync(file)
  } catch (cause) {
    throw new FettleError("APPROVAL_MISSING", `${file} says who may approve ${stage}: ${causeText(cause)}`, {
      next: "write it: a line each with a name and a public key, as in: ann@example.com ssh-ed25519 AAAA…",
    })
  }
}
