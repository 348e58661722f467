import { asFettleError } from "../../errors.ts"
import type { Layout } from "./change-script.ts"
import { changeScript, layOut, NOT_STAGED, type ScriptStep } from "./change-script.ts"
import type { Channel } from "./channel.ts"
import type { HostRecord } from "./frames.ts"
import { lookAloneLine, type PathSeen, readAlone } from "./look.ts"
import type { Names } from "./names.ts"
import { type PrepareContext, prepare, type Under, type WaveItem } from "./prepare.ts"
import { type TarEntry, tar } from "./ustar.ts"
import { Wave } from "./wave.ts"

/** Added to the longest timeout of the items: the shell's own work between two records. */
const MARGIN_MS = 10_000
/** Silence that one more file, and one more megabyte, excuses: a slow disk syncs fifty files a second. */
const MS_PER_FILE = 20
const MS_PER_MEGABYTE = 200

/** What a wave needs of the session around it. */
export interface WaveContext extends PrepareContext {
  readonly channel: () => Promise<Channel>
  readonly names: Names
}

/** Makes all changes of a wave in one request; settles each item exactly once and never throws. */
export async function changeHostItems(given: readonly WaveItem[], context: WaveContext): Promise<void> {
  const prepared = await Promise.all(given.map((each, number) => prepare(each, number, context)))
  let left = prepared.filter((each) => each !== undefined)
  while (left.length > 0) left = await oneRequest(left, context)
}

/** Sends one request; gives the items that must be sent again because others could not be staged. */
async function oneRequest(items: readonly Under[], context: WaveContext): Promise<Under[]> {
  const wave = new Wave(items, context.names)
  try {
    const channel = await context.channel()
    const { folder, has } = channel.facts
    const session = folder.slice(-32, -16)
    const layout = layOut(
      items.flatMap(({ files }) => files.map(({ step }) => step)),
      session,
    )
    wave.laidOut(layout)
    const payload = payloadOf(items, layout, folder, wave)
    const exitCode = await channel.request({
      script: changeScript({ layout, scripts: scriptsOf(items, wave), payload: payload !== undefined }, has),
      payload,
      writes: true,
      silenceMs: silenceMs(items, payload?.length ?? 0),
      signal: untilAll(items.map(({ given }) => given.item.signal)),
      onSent: () => wave.sent(),
      onRecord: (record) => wave.add(record),
    })
    if (exitCode === NOT_STAGED) return wave.unstaged()
    const unclear = wave.end(exitCode, channel.complaint)
    if (unclear.length > 0) wave.settleUnclear(await lookAlone(channel, unclear))
  } catch (thrown) {
    wave.fail(asFettleError(thrown, "CHANGE_FAILED"))
  }
  return []
}

/** Looks again at files whose chunk did not add up after the change. */
async function lookAlone(channel: Channel, paths: readonly string[]): Promise<ReadonlyMap<string, PathSeen>> {
  const records = paths.map((): HostRecord[] => [])
  const script = paths.map(lookAloneLine).join("")
  await channel.request({
    script,
    writes: false,
    silenceMs: MARGIN_MS,
    signal: AbortSignal.any([]),
    onRecord: (record) => records[record.item]?.push(record),
  })
  return new Map(paths.map((path, at) => [path, readAlone(records[at] ?? [])]))
}

function payloadOf(
  items: readonly Under[],
  layout: Layout,
  folder: string,
  wave: Wave,
): ReturnType<typeof tar> | undefined {
  const entries: TarEntry[] = []
  for (const under of items) {
    for (const { step, entry } of under.files) {
      const staged = layout.staged(wave.numberOf(step))
      if (entry !== undefined && staged !== undefined)
        entries.push({ path: staged.slice(1), mode: Number.parseInt(step.mode, 8), content: entry })
    }
    for (const { name, content } of under.slots)
      entries.push({ path: `${folder}/${under.number}/${name}`.slice(1), mode: 0o600, content })
  }
  return entries.length === 0 ? undefined : tar(entries)
}

function scriptsOf(items: readonly Under[], wave: Wave): readonly ScriptStep[] {
  return items.flatMap(({ change, files, slots, number, given }) => {
    if (change.script === undefined) return []
    const after = files.map(({ step }) => wave.numberOf(step))
    return [
      {
        item: number,
        script: change.script,
        brief: change.brief ?? false,
        timeoutMs: given.item.timeoutMs,
        after,
        slots: slots.length > 0,
      },
    ]
  })
}

function silenceMs(items: readonly Under[], bytes: number): number {
  const longest = Math.max(...items.map(({ given }) => given.item.timeoutMs))
  const files = items.reduce((all, { files }) => all + files.length, 0)
  return longest + MARGIN_MS + files * MS_PER_FILE + (bytes / 1_048_576) * MS_PER_MEGABYTE
}

/** Aborts once every one of these has been aborted: one item alone is not taken out of a request. */
function untilAll(signals: readonly AbortSignal[]): AbortSignal {
  const different = [...new Set(signals)]
  if (different.length === 1) return different[0] as AbortSignal
  const controller = new AbortController()
  let left = different.length
  for (const signal of different) {
    const one = (): void => {
      left -= 1
      if (left === 0) controller.abort(signal.reason)
    }
    if (signal.aborted) one()
    else signal.addEventListener("abort", one, { once: true })
  }
  return controller.signal
}
