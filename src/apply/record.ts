import { FettleError } from "../errors.ts"
import type { Engine } from "../plan/engine.ts"
import type { Work } from "../plan/work.ts"
import type { Json } from "../provider.ts"
import { Secret } from "../secrets/secret.ts"
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
    id: provider.idOf?.(outputs) ?? work.id,
    owned: row === undefined || row.address === "" ? made || work.found : row.owned || made,
    protect: declaration?.options.protect === true,
    retain: declaration?.options.retain === true,
    unfinished: false,
    props: encode(work.want),
    outputs: encode(outputs, (secret) => engine.key.seal(JSON.stringify(engine.box.value(secret)))),
    carry: carry === undefined ? row?.carry : JSON.stringify(carry),
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
    a.unfinished !== b.unfinished
  )
    return true
  if (a.connection !== b.connection || a.version !== b.version || a.needs.join("\n") !== b.needs.join("\n")) return true
  return a.outputs !== b.outputs && unsealed(a.outputs) !== unsealed(b.outputs)
}

function unsealed(outputs: string): string {
  return outputs.replace(/,"sealed":"[^"]*"/g, "")
}

/** Checks what a provider gave back: its own schema, and what it predicted. @throws FettleError `OUTPUT_WRONG` */
export function checkOutputs(work: Work, outputs: unknown): Readonly<Record<string, unknown>> {
  const parsed = work.provider.outputs.safeParse(outputs)
  if (!parsed.success) {
    const words = parsed.error.issues
      .slice(0, 3)
      .map(
        (issue: { path: PropertyKey[]; message: string }) =>
          `${issue.path.map(String).join(".") || "outputs"}: ${issue.message}`,
      )
    throw new FettleError("OUTPUT_WRONG", `${work.provider.kind} returned wrong outputs: ${words.join("; ")}`)
  }
  const given = parsed.data as Record<string, unknown>
  for (const [key, predicted] of Object.entries(work.known))
    if (work.planned?.action !== "none" && !same(predicted, given[key]))
      throw new FettleError("OUTPUT_WRONG", `${work.provider.kind} predicted another ${key} than it gave`)
  return given
}

function same(a: unknown, b: unknown): boolean {
  if (a instanceof Secret && b instanceof Secret) return a.fingerprint === b.fingerprint
  return a === b || encode([a]) === encode([b])
}

/** Open intents of an earlier run that a node's turn settles. */
export function closing(work: Work, engine: Engine): readonly Result[] {
  return work.open.map((each) => ({ seq: each.seq, outcome: "settled" as const, endedAt: engine.now(), closes: true }))
}
