import { CALL_TIMEOUT_MS, type Engine } from "../plan/engine.ts"
import type { Sessions } from "../plan/sessions.ts"
import type { Repeat, Work } from "../plan/work.ts"
import { durationMs } from "../policies/duration.ts"
import type { ChangeItem, Intent } from "../provider.ts"
import { encode } from "../state/encode.ts"
import type { IntentAction, NewIntent } from "../state/store.ts"
import type { Journal } from "./journal.ts"
import type { NodeLog } from "./node-log.ts"
import type { Step } from "./steps.ts"
import { writeCall } from "./write-call.ts"

/** A change that is in the journal and on its way. */
export interface Underway {
  readonly step: Step
  readonly seq: number | undefined
  readonly token: string
  readonly action: IntentAction | "check"
  readonly startedAt: number
  readonly log: NodeLog
  /** Set where a create that was cut off is made again. */
  readonly repeat: Repeat | undefined
}

/** The line of the journal for a step. */
export function intentOf(step: Step, action: IntentAction, token: string, startedAt: number): NewIntent {
  const { work } = step
  const deposed = step.kind === "deposed" ? (work.row?.deposed ?? "") : ""
  return {
    address: step.kind === "node" ? work.address : (work.row?.address ?? work.address),
    deposed,
    action,
    kind: work.provider.kind,
    connection: work.connection?.name ?? "",
    id: work.repeat === undefined ? work.id : work.repeat.intent.id,
    token,
    want: work.repeat?.intent.want ?? (work.want === undefined ? (work.row?.props ?? "{}") : encode(work.want)),
    needs: work.declaration?.needs ?? work.row?.needs ?? [],
    startedAt,
  }
}

/** What a driver is handed for a change that is in the journal. */
export function itemOf(
  each: Underway,
  journal: Journal,
  engine: Engine,
  sessions: Pick<Sessions, "driver">,
  stopping: AbortSignal,
): ChangeItem {
  const { work } = each.step
  const { seq, repeat } = each
  const progress = work.open.findLast((line) => line.token === each.token && line.progress !== undefined)?.progress
  const intent: Intent = {
    token: each.token,
    repeated: repeat !== undefined,
    ...(repeat === undefined || progress === undefined ? {} : { progress }),
    ...(repeat !== undefined || work.open.length === 0 ? {} : { supersedes: work.open.map(({ token }) => token) }),
  }
  return {
    provider: work.provider,
    address: work.address,
    action: each.action === "delete" ? "delete" : "ensure",
    want: work.want,
    seen: work.seen ?? { absent: true },
    last: work.last,
    id: work.id,
    change: work.change ?? { action: "none" },
    ...(repeat === undefined ? {} : asItWas(repeat)),
    intent,
    timeoutMs: timeoutOf(work),
    signal: engine.signal,
    call: (connection) =>
      writeCall(
        work,
        intent,
        connection,
        engine,
        each.log,
        async (json) => {
          if (seq !== undefined) await journal.write({ progress: [{ seq, json }] })
        },
        sessions,
        stopping,
      ),
  }
}

/** A create is made again from what it was made from: nothing was there. */
function asItWas({ intent, want }: Repeat): Pick<ChangeItem, "want" | "seen" | "last" | "id" | "change"> {
  return { want, seen: { absent: true }, last: undefined, id: intent.id, change: { action: "create" } }
}

function timeoutOf(work: Work): number {
  const given = work.declaration?.options.timeout ?? work.timeout
  return given === undefined ? (work.provider.timeoutMs ?? CALL_TIMEOUT_MS) : durationMs(given as number)
}

/** What goes into the journal for a step. A replace that deletes first is two changes: its first is a delete. */
export function actionOf(step: Step): IntentAction | "check" {
  if (step.kind !== "node") return "delete"
  const { work } = step
  if (work.repeat !== undefined) return work.repeat.intent.action
  const action = work.change?.action
  if (action === "check") return "check"
  if (action === "run") return "run"
  if (action === "replace" && work.former === undefined && work.row !== undefined)
    return work.change !== undefined &&
      "order" in work.change &&
      (work.change.order ?? "delete-first") !== "delete-first"
      ? asCreateFirst(work)
      : "delete"
  if (action === "update") return "update"
  return work.former === undefined ? "create" : "replace"
}

/** A new one is made beside the old one, which is deleted when everything that used it has moved on. */
function asCreateFirst(work: Work): IntentAction {
  work.former = work.row
  work.row = undefined
  work.last = undefined
  work.seen = { absent: true }
  if (work.provider.idOf !== undefined) work.id = undefined
  return "replace"
}
