import { createHash } from "node:crypto"
import { isDeepStrictEqual } from "node:util"
import { asFettleError, FettleError } from "../../errors.ts"
import type { ChangeItem, ChangeResult, Write } from "../../provider.ts"
import { Secret } from "../../secrets/secret.ts"
import { type FileStep, SCRIPT_MAX } from "./change-script.ts"
import type { AnyHostKind, ChangeParts, HostChange, HostClient, HostContent, LocalContent } from "./kind.ts"
import { lookAtLocal } from "./local-file.ts"
import { listLocal } from "./local-folder.ts"
import type { TarEntry } from "./ustar.ts"

/** One host item of a wave, with its change as data. */
export interface WaveItem {
  readonly item: ChangeItem
  readonly kind: AnyHostKind
  readonly settle: (result: ChangeResult) => void
}

/** What preparing needs of the session around it. */
export interface PrepareContext {
  readonly client: HostClient
  /** The plain hash behind a sealed one that was read through this connection. */
  readonly plainOf: (sealed: string) => string | undefined
}

/** A put or a removal without its turn. */
export type FilePart = Omit<FileStep, "turn">

/** An item whose contents and expected hashes are in the open. */
export interface Prepared {
  readonly given: WaveItem
  readonly change: HostChange
  readonly parts: ChangeParts<Record<string, unknown>, unknown>
  readonly call: Write<HostClient>
  /** Its file steps, and the content of those that are puts. */
  readonly files: readonly { readonly step: FilePart; readonly entry: TarEntry["content"] | undefined }[]
  readonly slots: readonly Slot[]
}

/** A file of its own that a script finds under `$S`. */
export interface Slot {
  readonly name: string
  readonly content: TarEntry["content"]
}

/** What an item wants done; settles it where that cannot be told. */
export async function prepare(given: WaveItem, context: PrepareContext): Promise<Prepared | undefined> {
  const { item, kind, settle } = given
  try {
    if (item.signal.aborted) throw asFettleError(item.signal.reason, "CANCELLED", `${item.address} was cancelled`)
    const call = item.call<HostClient>(context.client)
    const parts = await partsOf(item, kind)
    const change = item.action === "delete" ? kind.removal(item.seen, item.last) : kind.change(parts)
    refuseLong(change, kind)
    const puts = await Promise.all(
      (change.puts ?? []).map(async (put) => {
        const { content, sha256 } = await openContent(put.content, call)
        const owner = put.group === undefined ? (put.owner ?? "") : `${put.owner ?? ""}:${put.group}`
        // What has the wanted content already is no stranger: an earlier attempt may have come through late.
        const expect = `${plainHash(put.expect, context)}/${sha256}`
        return { step: { path: put.path, expect, sha256, owner, mode: put.mode }, entry: content }
      }),
    )
    const removes = (change.removes ?? []).map((each) => ({
      step: { path: each.path, expect: plainHash(each.expect, context), sha256: undefined, owner: "", mode: "" },
      entry: undefined,
    }))
    return { given, change, parts, call, files: [...puts, ...removes], slots: await openSlots(change, call) }
  } catch (thrown) {
    settle({ failed: asFettleError(thrown, "PROVIDER_THREW"), maybe: false })
    return undefined
  }
}

/** The slots of a change, opened. */
export function openSlots(change: HostChange, call: Write<HostClient>): Promise<readonly Slot[]> {
  return Promise.all(
    Object.entries(change.slots ?? {}).map(async ([name, content]) => ({
      name,
      content: (await openContent(content, call)).content,
    })),
  )
}

/** @throws FettleError `INTERNAL` where a script is longer than one argument can be */
export function refuseLong(change: HostChange, kind: AnyHostKind): void {
  if (Buffer.byteLength(change.script ?? "") > SCRIPT_MAX)
    throw new FettleError("INTERNAL", `${kind.kind} made a script of more than ${SCRIPT_MAX} bytes`)
}

/** What the engine knows of an item, as its kind gets it. */
async function partsOf(item: ChangeItem, kind: AnyHostKind): Promise<ChangeParts<Record<string, unknown>, unknown>> {
  const { want, seen, change, last } = item
  const folder = item.action === "delete" ? undefined : kind.folder?.(want)
  const listed = "shown" in seen ? seen.shown?.folder : undefined
  const listing = folder === undefined || isDeepStrictEqual(folder, listed) ? undefined : await listLocal(folder)
  return { want: want as Record<string, unknown>, seen, change, last: last as never, token: item.intent.token, listing }
}

async function openContent(
  content: HostContent,
  call: Write<HostClient>,
): Promise<{ content: TarEntry["content"]; sha256: string }> {
  if (typeof content === "object" && "local" in content) return openLocal(content)
  const plain =
    typeof content === "object" && "build" in content
      ? content.build((secret) => textOf(call.reveal(secret)))
      : content instanceof Secret
        ? call.reveal(content)
        : content
  const bytes = typeof plain === "string" ? Buffer.from(plain) : plain
  return { content: bytes, sha256: sha256Of(bytes) }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value)
}

async function openLocal({
  local,
  sha256,
  render,
}: LocalContent): Promise<{ content: TarEntry["content"]; sha256: string }> {
  const found = await lookAtLocal(local)
  if ("failed" in found) throw new FettleError("FILE_REFUSED", `the source ${local} cannot be read: ${found.failed}`)
  const rendered = render === undefined ? undefined : Buffer.from(render(found.text ?? ""))
  const now = rendered === undefined ? found.sha256 : sha256Of(rendered)
  if (sha256 !== undefined && now !== sha256)
    throw new FettleError("STALE", `the source ${local} changed after it was planned`)
  return { content: rendered ?? { local, sizeBytes: found.sizeBytes }, sha256: now }
}

function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex")
}

function plainHash(expect: string, { plainOf }: PrepareContext): string {
  if (expect === "absent" || expect === "any" || /^[0-9a-f]{64}$/.test(expect)) return expect
  const plain = plainOf(expect)
  if (plain === undefined) throw new FettleError("STALE", "its content was not read through this connection")
  return plain
}
