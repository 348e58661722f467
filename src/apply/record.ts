import type { Engine } from "../plan/engine.ts"
import { isProtected, NOTHING, type Work } from "../plan/work.ts"
import { remembered } from "../policies/allowed.ts"
import type { AnyProvider, Json } from "../provider.ts"
import { encode } from "../state/encode.ts"
import type { Result, Row } from "../state/store.ts"

/** What state remembers of a thing after its turn. */
export function rowOf(
  work: Work,
  outputs: Readonly<Record<string, unknown>>,
  engine: Engine,
  made: boolean,
  carry?: Json,
): Row {
  const { declaration, provider, row } = work
  return {
    address: work.address,
    deposed: "",
    kind: provider.kind,
    version: provider.version,
    connection: work.connection?.name ?? "",
    id: idGiven(provider, outputs) ?? work.id,
    owned: row === undefined || row.address === "" ? made || work.found : row.owned || made,
    protect: isProtected(work),
    retain: declaration?.options.retain === true,
    unfinished: false,
    props: encode(work.want),
    outputs: encode(outputs, (secret) => engine.key.seal(JSON.stringify(engine.box.value(secret)))),
    carry: carry === undefined ? row?.carry : JSON.stringify(carry),
    allowed: work.policies === undefined ? row?.allowed : remembered(work.policies),
    needs: declaration?.needs ?? row?.needs ?? [],
  }
}

/** Whether a row says anything else than the one state has; sealed values count by their fingerprints. */
export function differs(a: Row, b: Row | undefined): boolean {
  if (b === undefined) return true
  if (
    a.props !== b.props ||
    a.address !== b.address ||
    a.id !== b.id ||
    a.protect !== b.protect ||
    a.retain !== b.retain ||
    a.unfinished !== b.unfinished ||
    a.allowed !== b.allowed ||
    (a.refreshed === true) !== (b.refreshed === true)
  )
    return true
  if (a.connection !== b.connection || a.version !== b.version || a.needs.join("\n") !== b.needs.join("\n")) return true
  return a.outputs !== b.outputs && unsealed(a.outputs) !== unsealed(b.outputs)
}

function unsealed(outputs: string): string {
  return outputs.replace(/,"sealed":"[^"]*"/g, "")
}

/** The id that outputs tell, where their kind has them from the far side. Wrong outputs tell none. */
export function idGiven(provider: AnyProvider, outputs: unknown): string | undefined {
  try {
    const id: unknown = provider.idOf?.(outputs)
    return typeof id === "string" && id !== "" ? id : undefined
  } catch {
    return undefined
  }
}

/** Open intents of an earlier run that a node's turn settles. */
export function closing(work: Work, engine: Engine): readonly Result[] {
  return work.open.map((each) => ({ seq: each.seq, outcome: "settled" as const, endedAt: engine.now(), closes: true }))
}

/** The token under which a replaced thing waits to be deleted: of the create that was found. */
export function deposedBy(work: Work): string {
  return work.open.at(-1)?.token ?? work.address
}

/** What was seen of a thing; nothing where it was not there. */
export function seenOutputs(work: Work): Readonly<Record<string, unknown>> {
  return work.seen !== undefined && "outputs" in work.seen ? (work.seen.outputs as Record<string, unknown>) : NOTHING
}

/** Whether an action changes nothing but what state says. */
export function isRecordOnly(action: string | undefined): boolean {
  return ["adopt", "forget", "move", "refresh", "none"].includes(action ?? "")
}
