import { FettleError } from "../errors.ts"
import { TASK_KIND } from "../program/task.ts"
import type { IntentLine, Row } from "../state/store.ts"
import { SETTLED } from "../verify/task-plan.ts"
import { rowAt } from "./state-commands.ts"
import type { StateEdit } from "./state-edit.ts"

/** What somebody who looked says: it was made, under an id, or it was not. */
export type Answer = { readonly made: string } | { readonly made?: undefined }

/**
 * Settles by hand a change that was cut off where looking cannot tell.
 * @param version the version that rows of the kind have
 * @returns what state says now, in one line
 * @throws FettleError `STATE_NOT_FOUND` where nothing of this address was cut off
 */
export async function settleIntent(edit: StateEdit, address: string, answer: Answer, version: number): Promise<string> {
  const open = edit.snapshot.open.filter((intent) => intent.address === address && intent.action !== "finally")
  const intent = open.at(-1)
  if (intent === undefined)
    throw new FettleError("STATE_NOT_FOUND", `no change of ${address} was cut off`, {
      next: "fettle state list says which were",
    })
  const endedAt = Date.now()
  const results = open.map(({ seq }) => ({ seq, outcome: "settled" as const, endedAt, closes: true }))
  if (answer.made === undefined) {
    await edit.write({ results })
    return `${address}: its ${intent.action} did not happen`
  }
  const row = rowAt(edit.snapshot, address)
  if (intent.action === "delete") await edit.write({ results, removed: [{ address, deposed: intent.deposed }] })
  else await edit.write({ results, rows: [madeRow(intent, row, answer.made, version), ...replaced(intent, row)] })
  return intent.action === "delete"
    ? `${address}: it is deleted`
    : `${address}: its ${intent.action} happened${isTask(intent) ? "" : `; its id is ${answer.made}`}`
}

/** What a replacement was made beside: it waits to be deleted. */
function replaced(intent: IntentLine, row: Row | undefined): readonly Row[] {
  return intent.action === "replace" && row !== undefined ? [{ ...row, deposed: intent.token }] : []
}

function isTask(intent: IntentLine): boolean {
  return intent.kind === TASK_KIND
}

function madeRow(intent: IntentLine, row: Row | undefined, id: string, version: number): Row {
  const outputs = isTask(intent) ? { result: null, inputsHash: SETTLED, outputsHash: SETTLED, durationMs: 0 } : {}
  return {
    address: intent.address,
    deposed: "",
    kind: intent.kind,
    version: row?.version ?? version,
    connection: intent.connection,
    id: isTask(intent) ? row?.id : id,
    owned: row?.owned ?? true,
    protect: row?.protect ?? false,
    retain: row?.retain ?? false,
    unfinished: false,
    props: intent.want,
    outputs: intent.action === "update" && row !== undefined ? row.outputs : JSON.stringify(outputs),
    carry: row?.carry,
    needs: intent.needs,
  }
}
