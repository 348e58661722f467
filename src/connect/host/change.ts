import { asFettleError } from "../../errors.ts"
import type { Address } from "../../program/address.ts"
import {
  type AfterStep,
  changeScript,
  type FolderStep,
  layOut,
  type PayloadPart,
  type ScriptStep,
} from "./change-script.ts"
import type { Channel } from "./channel.ts"
import type { HostRecord } from "./frames.ts"
import { lookAloneLine, type PathSeen, readAlone } from "./look.ts"
import type { Names } from "./names.ts"
import { announce, type Note, noteOf } from "./notes.ts"
import { type PrepareContext, type Prepared, prepare, type WaveItem } from "./prepare.ts"
import { type Unit, unitsOf } from "./units.ts"
import { bytesOf, type TarEntry, tar } from "./ustar.ts"
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
  /** The address of the first need of an item that did not end well, where there is one. */
  readonly heldBy: (given: WaveItem) => Address | undefined
}

/** Makes all changes of a wave in one request; settles each item exactly once and never throws. */
export async function changeHostItems(given: readonly WaveItem[], context: WaveContext): Promise<void> {
  const ready = await Promise.all(given.map((each) => prepare(each, context)))
  let left = ready.filter((each) => each !== undefined)
  const alone = new Set<Prepared>()
  while (left.length > 0) {
    left = left.filter((each) => !held(each, context))
    left = left.length === 0 ? left : await oneRequest(left, alone, context)
  }
}

/** What comes after something that did not end well is not begun. */
function held({ given }: Prepared, context: WaveContext): boolean {
  const by = context.heldBy(given)
  if (by !== undefined) given.settle({ skipped: by })
  return by !== undefined
}

/** Sends one request; gives the items that must be sent again, one by one, because they failed together, and what waits for them. */
async function oneRequest(items: readonly Prepared[], alone: Set<Prepared>, context: WaveContext): Promise<Prepared[]> {
  const units = await unitsOf(items, alone)
  if (units.length === 0) return []
  const wave = new Wave(units, context.names)
  try {
    const channel = await context.channel()
    const { folder, has } = channel.facts
    const session = folder.slice(-32, -16)
    const layout = layOut(wave.steps, session)
    wave.laidOut(layout)
    const notes = notesOf(units)
    const canNote = await announce(
      [...notes.keys()].map(({ members }) => (members[0] as Prepared).call),
      channel,
    )
    const payloads = payloadsOf(units, folder, wave)
    const length = payloads.reduce((all, each) => all + (each?.part.bytes ?? 0), 0)
    const exitCode = await channel.request({
      script: changeScript(
        {
          layout,
          folders: foldersOf(units),
          scripts: scriptsOf(units, wave, canNote ? notes : new Map()),
          afters: aftersOf(units, wave),
          payloads: payloads.map((each) => each?.part),
        },
        has,
      ),
      payload: length === 0 ? undefined : { length, chunks: joined(payloads) },
      writes: true,
      silenceMs: silenceMs(units, length),
      signal: untilAll(items.map(({ given }) => given.item.signal)),
      onSent: () => wave.sent(),
      onRecord: (record) => wave.add(record),
    })
    const unclear = wave.end(exitCode, channel.complaint)
    if (unclear.length > 0) wave.settleUnclear(await lookAlone(channel, unclear))
    return wave.again(alone)
  } catch (thrown) {
    wave.fail(asFettleError(thrown, "CHANGE_FAILED"))
    return []
  }
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

/** One turn's contents. */
interface Payload {
  readonly part: PayloadPart
  readonly chunks: AsyncIterable<Uint8Array>
}

/** The tar stream of each turn; undefined where it needs none. */
function payloadsOf(units: readonly Unit[], folder: string, wave: Wave): readonly (Payload | undefined)[] {
  const turns: Map<number | "s", TarEntry[]>[] = []
  for (const unit of units) {
    while (turns.length <= unit.turn) turns.push(new Map())
    const groups = turns[unit.turn] as Map<number | "s", TarEntry[]>
    const add = (to: number | "s", entry: TarEntry): void => {
      const known = groups.get(to)
      if (known === undefined) groups.set(to, [entry])
      else known.push(entry)
    }
    for (const [at, { step, entry }] of unit.files.entries()) {
      const staged = wave.stagedOf(unit, at)
      if (entry !== undefined && staged !== undefined)
        add(staged.chunk, { path: staged.path.slice(1), mode: Number.parseInt(step.mode, 8), content: entry })
    }
    for (const { name, content } of unit.slots)
      add("s", { path: `${folder}/${unit.number}/${name}`.slice(1), mode: 0o600, content })
  }
  return turns.map((groups) => {
    if (groups.size === 0) return undefined
    const chunks = [...groups].map(([to, entries]) => [to, bytesOf(entries)] as const)
    const all = tar([...groups.values()].flat())
    return { part: { bytes: all.length, chunks }, chunks: all.chunks }
  })
}

async function* joined(payloads: readonly (Payload | undefined)[]): AsyncGenerator<Uint8Array> {
  for (const payload of payloads) if (payload !== undefined) yield* payload.chunks
}

function foldersOf(units: readonly Unit[]): readonly FolderStep[] {
  return units.flatMap(({ change, number, turn }) =>
    (change.folders ?? []).map(({ path, mode, owner, group }) => ({
      item: number,
      path,
      mode,
      owner: group === undefined ? (owner ?? "") : `${owner ?? ""}:${group}`,
      turn,
    })),
  )
}

/** Of the units whose scripts are noted on the host. */
function notesOf(units: readonly Unit[]): ReadonlyMap<Unit, Note> {
  return new Map(
    units.flatMap((unit) => {
      const { item, kind } = (unit.members[0] as Prepared).given
      const note = unit.change.script === undefined ? undefined : noteOf(item, kind)
      return note === undefined ? [] : [[unit, note] as const]
    }),
  )
}

function scriptsOf(units: readonly Unit[], wave: Wave, notes: ReadonlyMap<Unit, Note>): readonly ScriptStep[] {
  return units.flatMap((unit): ScriptStep[] => {
    const { change, members, slots, number, turn, timeoutMs } = unit
    if (change.script === undefined) return []
    const { item, kind } = (members[0] as Prepared).given
    return [
      {
        item: number,
        script: change.script,
        brief: change.brief ?? false,
        timeoutMs,
        files: wave.stepsOf(unit),
        slots: slots.length > 0,
        turn,
        exclusive: kind.exclusive?.(item.want),
        noted: notes.get(unit),
        writesIn: change.writesIn,
      },
    ]
  })
}

function aftersOf(units: readonly Unit[], wave: Wave): readonly AfterStep[] {
  return units
    .filter(({ after }) => after.length > 0)
    .map((unit) => ({
      item: unit.number,
      turn: unit.turn,
      files: wave.stepsOf(unit),
      afterFiles: unit.after.flatMap((need) => wave.stepsOf(need)),
      afterScripts: unit.after.flatMap((need) => (need.change.script === undefined ? [] : [need.number])),
    }))
}

function silenceMs(units: readonly Unit[], bytes: number): number {
  const longest = Math.max(...units.map(({ timeoutMs }) => timeoutMs))
  const files = units.reduce((all, each) => all + each.files.length, 0)
  return longest + MARGIN_MS + files * MS_PER_FILE + (bytes / 1_048_576) * MS_PER_MEGABYTE
}

/** Aborts once every one of these has been aborted: one item alone is not taken out of a request. */
export function untilAll(signals: readonly AbortSignal[]): AbortSignal {
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
