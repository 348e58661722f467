import { createHash } from "node:crypto"

/** What is to happen to one address. */
export type PlannedAction =
  | "none"
  | "create"
  | "update"
  | "replace"
  | "delete"
  | "run"
  | "check"
  /** Its inputs are known only during apply. */
  | "decide"
  /** Taken over as it is. */
  | "adopt"
  /** Leaves state; nothing is touched. */
  | "forget"
  /** State takes over its new address; nothing is touched. */
  | "move"
  /** State takes over what was observed; nothing is touched. */
  | "refresh"
  /** It cannot be changed: see `error`. */
  | "blocked"

/** Why: what the program says moved, what the world did, or both. */
export type Cause = "new" | "wanted" | "drift" | "wanted+drift" | "gone" | "left" | "interrupted"

/** One prop that differs; values are printable: secrets by name. */
export interface PropDiff {
  readonly name: string
  readonly from?: string | undefined
  readonly to?: string | undefined
  /** How a text of several lines differs, as unified lines. */
  readonly text?: string | undefined
}

export interface PlannedError {
  readonly code: string
  readonly fact: string
  readonly next: string
  readonly place?: string | undefined
  readonly cause?: string | undefined
}

/** One entry of a plan. */
export interface PlannedChange {
  readonly address: string
  readonly type: "resource" | "lookup" | "task" | "check" | "release" | "each"
  readonly kind: string
  readonly action: PlannedAction
  readonly because: string
  readonly cause?: Cause | undefined
  readonly connection?: string | undefined
  readonly id?: string | undefined
  readonly place?: string | undefined
  readonly order?: "create-first" | "stop-first" | "delete-first" | undefined
  readonly props?: readonly PropDiff[] | undefined
  /** What the program says of what is made anew, run or asked: each prop that it gives, as `to`. */
  readonly wants?: readonly PropDiff[] | undefined
  /** Outputs that moved in the world since they were recorded. */
  readonly drift?: readonly PropDiff[] | undefined
  /** Unified lines. */
  readonly text?: string | undefined
  /** The address it had. */
  readonly from?: string | undefined
  readonly error?: PlannedError | undefined
}

/** What a policy of the program has found. */
export interface PlannedFinding {
  readonly policy: string
  /** "deny": nothing is applied while it is found. */
  readonly level: "deny" | "warn"
  readonly message: string
  readonly address?: string | undefined
  readonly place?: string | undefined
}

/** What a plan was made from. */
export interface Bound {
  /** All that the program says, as it is written. */
  readonly program: string
  readonly state: string
  readonly world: string
  /** What its props came to: with outputs, secrets, parameters, functions and the files that things are made from. */
  readonly wanted: string
  /** The files of the program and of the packages that it loads; "" where a program was not loaded from files. */
  readonly sources: string
  /** Which machines, Engines and accounts stand behind its connections. */
  readonly targets: string
}

/** When a plan was saved and by whom: sealed with the plan. */
export interface Saved {
  /** Milliseconds since 1970. */
  readonly atMs: number
  readonly expiresAtMs: number
  /** As the machine says it: user@host, with the person that CI names. */
  readonly by: string
}

/**
 * One person's yes to a saved plan: an SSH signature of what `approvalText` gives; or, by a link that was sent to that person, the seal of
 * it and of the name, by the data key of whoever served the link.
 */
export type Approval =
  | { readonly atMs: number; readonly signature: string }
  | { readonly atMs: number; readonly name: string; readonly seal: string }

/** A plan that was saved to be carried out later. */
export interface SavedPlan extends Plan {
  readonly bound: Bound
  readonly saved: Saved
  readonly approvals: readonly Approval[]
  /** Of all but the approvals, by the data key of the state. */
  readonly seal: string
}

/** What is sealed of a saved plan: what it would do, what it was made from, until when. */
export function sealedText({ hash, bound, saved }: Pick<SavedPlan, "hash" | "bound" | "saved">): string {
  return JSON.stringify([hash, BOUND.map((each) => bound[each]), saved.atMs, saved.expiresAtMs, saved.by])
}

export const BOUND = ["program", "state", "world", "wanted", "sources", "targets"] as const satisfies (keyof Bound)[]

/** What an approver signs. */
export function approvalText(
  plan: Pick<SavedPlan, "program" | "stage" | "hash" | "bound" | "saved">,
  atMs: number,
): string {
  const lines = [
    "fettle approval 1",
    `program ${plan.program}`,
    `stage ${plan.stage}`,
    `plan ${plan.hash}`,
    `sealed ${hashOf(sealedText(plan))}`,
    `made by ${JSON.stringify(plan.saved.by)}`,
    `expires ${new Date(plan.saved.expiresAtMs).toISOString()}`,
    `approved ${new Date(atMs).toISOString()}`,
  ]
  return `${lines.join("\n")}\n`
}

/** A plan: plain data, hashed, saved, approved, replayed. */
export interface Plan {
  readonly format: 1
  readonly program: string
  readonly stage: string
  readonly params: Readonly<Record<string, string | number | boolean>>
  readonly options: PlanOptions
  /** Everything that is not "none", needs first; deletes last. */
  readonly changes: readonly PlannedChange[]
  /** What policies have found; missing where they found nothing. */
  readonly findings?: readonly PlannedFinding[] | undefined
  /** How many addresses there are in all. */
  readonly total: number
  readonly bound?: Bound | undefined
  readonly hash: string
}

/** What may be asked of a plan. */
export interface PlanOptions {
  /** Only these addresses and what they need. */
  readonly targets?: readonly string[]
  /** Only what goes through the connections that this pattern chooses, and the checks and tasks that need only those. */
  readonly limit?: string
  /** Replace these even though nothing asks for it. */
  readonly replace?: readonly string[]
  /** Run these tasks even though nothing changed. */
  readonly force?: readonly string[]
  /** Take over what is at these addresses though Fettle did not make it. */
  readonly adopt?: readonly string[]
  /** Only bring state up to what is observed. */
  readonly refreshOnly?: boolean
  /** Delete everything. */
  readonly destroy?: boolean
  readonly expectAbsent?: number
  /** Addresses of versions that a release has done with, or no longer declares: they stand no more. */
  readonly doneWith?: ReadonlySet<string>
  readonly expectDeletes?: number
  /** Names of connections behind which another target may stand than state remembers. */
  readonly expectTargets?: readonly string[]
  /** Only checks are asked. */
  readonly verifyOnly?: boolean
  /** All traffic of a release back to a version that it keeps. */
  readonly backTo?: { readonly release: string; readonly version: string }
}

/** The hash over what a plan would do. */
export function hashOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex")
}

/** Actions that change the world or state: what makes `plan --check` say 2. */
const PENDING: ReadonlySet<PlannedAction> = new Set([
  "create",
  "update",
  "replace",
  "delete",
  "run",
  "decide",
  "adopt",
  "forget",
  "move",
  "refresh",
])

/** Whether a policy keeps it from being applied. */
export function isDenied({ findings = [] }: Pick<Plan, "findings">): boolean {
  return findings.some(({ level }) => level === "deny")
}

export function isPending(change: Pick<PlannedChange, "action">): boolean {
  return PENDING.has(change.action)
}
