import { asFettleError } from "../errors.ts"
import type { Engine } from "../plan/engine.ts"
import type { Planned } from "../plan/planned.ts"
import { groupOf } from "../program/address.ts"
import type { Command } from "../program/declaration.ts"
import type { Scope } from "../program/scope.ts"
import type { IntentLine, NewIntent } from "../state/store.ts"
import type { Journal } from "./journal.ts"

interface Due {
  readonly name: string
  readonly commands: readonly Command[]
  /** Of the group around it. */
  readonly around: Due | undefined
  /** Nodes, and groups and tasks with something at their end, that are right below it and have not ended. */
  remaining: number
  state: "idle" | "open" | "done"
  seq: number | undefined
  /** Its commands, once they run. */
  ending: Promise<void> | undefined
}

/**
 * What is to run at the end of groups and tasks, however they end; the inner before the outer. Due from the moment that
 * their first change is in the journal. Each node knows only what is right around it, so that ten thousand groups cost
 * no more than ten thousand nodes.
 */
export class Finallies {
  readonly #byAddress = new Map<string, Due>()
  readonly #byGroup = new Map<string, Due | undefined>([["", undefined]])
  readonly #all: Due[] = []
  readonly #journal: Journal
  readonly #engine: Engine

  constructor({ scope, works, order }: Pick<Planned, "scope" | "works" | "order">, journal: Journal, engine: Engine) {
    this.#journal = journal
    this.#engine = engine
    for (const address of order) {
      const around = this.#ofGroup(groupOf(address), scope.groups)
      const commands = works.get(address)?.declaration?.finally ?? []
      const due = commands.length === 0 ? around : this.#add(address, commands, around)
      if (due === undefined) continue
      this.#byAddress.set(address, due)
      join(due)
    }
  }

  /** What is right around everything in a group: its own, or that of the nearest group around it that has any. */
  #ofGroup(path: string, groups: Scope["groups"]): Due | undefined {
    if (this.#byGroup.has(path)) return this.#byGroup.get(path)
    const around = this.#ofGroup(path.slice(0, Math.max(0, path.lastIndexOf("/"))), groups)
    const commands = groups.get(path)?.finally ?? []
    const due = commands.length === 0 ? around : this.#add(path, commands, around)
    this.#byGroup.set(path, due)
    return due
  }

  #add(name: string, commands: readonly Command[], around: Due | undefined): Due {
    const due: Due = { name, commands, around, remaining: 0, state: "idle", seq: undefined, ending: undefined }
    this.#all.push(due)
    return due
  }

  /** Lines to write together with the first intent of a node. Where one is open, all around it are. */
  opens(address: string): readonly { readonly intent: NewIntent; readonly opened: (seq: number) => void }[] {
    const opens: { readonly intent: NewIntent; readonly opened: (seq: number) => void }[] = []
    for (let due = this.#byAddress.get(address); due?.state === "idle"; due = due.around) {
      const open = due
      open.state = "open"
      opens.push({ intent: this.#intentOf(open), opened: (seq) => (open.seq = seq) })
    }
    return opens
  }

  /** Runs what is due now that a node has ended. */
  async ended(address: string): Promise<void> {
    for (let due = this.#byAddress.get(address); due !== undefined; due = due.around) {
      due.remaining -= 1
      if (due.remaining > 0) return
      await this.#run(due)
    }
  }

  /** Runs all that is still open: the run ends. */
  async endAll(): Promise<void> {
    for (const due of [...this.#all].reverse()) await this.#run(due)
  }

  async #run(due: Due): Promise<void> {
    if (due.ending !== undefined) return due.ending
    if (due.state !== "open" || due.seq === undefined) return
    if (this.#engine.signal.aborted || this.#journal.broken) return // stays open: it runs at the next start
    due.state = "done"
    due.ending = runFinally(due.name, due.commands, due.seq, this.#journal, this.#engine)
    await due.ending
  }

  #intentOf(due: Due): NewIntent {
    return {
      address: due.name,
      deposed: "",
      action: "finally",
      kind: "fettle.finally",
      connection: "",
      id: undefined,
      token: "",
      want: JSON.stringify(due.commands),
      needs: [],
      startedAt: this.#engine.now(),
    }
  }
}

/** Counts one more that must end first; a group counts in the one around it from its first. */
function join(due: Due): void {
  for (let each: Due | undefined = due; each !== undefined; each = each.around) {
    each.remaining += 1
    if (each.remaining > 1) return
  }
}

/** Runs commands one after the other, each however the one before ended, and closes their line. */
export async function runFinally(
  name: string,
  commands: readonly (readonly string[])[],
  seq: number,
  journal: Journal,
  engine: Engine,
): Promise<void> {
  let error: string | undefined
  for (const command of commands) {
    try {
      await engine.runCommand(
        command,
        (text) => engine.emit({ type: "node.log", address: name, stream: "stdout", text }),
        // A journal that cannot be written is met again at the end.
        (mark) => void journal.write({ progress: [{ seq, json: { commands: [mark] } }] }).catch(() => {}),
      )
    } catch (thrown) {
      const failed = asFettleError(thrown, "COMMAND_FAILED")
      error ??= failed.fact
      engine.emit({ type: "note", level: "warning", text: `finally of ${name}: ${failed.fact}` })
    }
  }
  await journal.end(
    [{ seq, outcome: error === undefined ? "done" : "failed", endedAt: engine.now(), error, closes: true }],
    [],
  )
}

/** Runs what an earlier run, cut off, still owed. */
export async function runOwed(open: readonly IntentLine[], journal: Journal, engine: Engine): Promise<void> {
  for (const intent of open.filter((each) => each.action === "finally")) {
    engine.emit({
      type: "settle.done",
      address: intent.address,
      how: "an earlier run was cut off: its finally runs now",
    })
    await runFinally(
      intent.address,
      JSON.parse(intent.want) as readonly (readonly string[])[],
      intent.seq,
      journal,
      engine,
    )
  }
}
