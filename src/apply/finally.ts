import { asFettleError } from "../errors.ts"
import type { Engine } from "../plan/engine.ts"
import type { Planned } from "../plan/planned.ts"
import type { Command } from "../program/declaration.ts"
import type { IntentLine, NewIntent } from "../state/store.ts"
import type { Journal } from "./journal.ts"

interface Due {
  readonly name: string
  readonly commands: readonly Command[]
  remaining: number
  state: "idle" | "open" | "done"
  seq: number | undefined
}

/** What is to run at the end of groups and tasks, however they end. Due from the moment that their first change is in the journal. */
export class Finallies {
  readonly #byAddress = new Map<string, Due[]>()
  readonly #all: Due[] = []
  readonly #running: Promise<void>[] = []
  readonly #journal: Journal
  readonly #engine: Engine

  constructor(planned: Planned, journal: Journal, engine: Engine) {
    this.#journal = journal
    this.#engine = engine
    const groups = [...planned.scope.groups.values()].map((group) => ({
      prefix: `${group.path}/`,
      due: this.#add(group.path, group.finally),
    }))
    const tasks = planned.order.filter((address) => (planned.works.get(address)?.declaration?.finally.length ?? 0) > 0)
    if (groups.length === 0 && tasks.length === 0) return
    for (const address of planned.order) {
      const dues = groups.filter((each) => address.startsWith(each.prefix)).map((each) => each.due)
      if (tasks.includes(address)) dues.push(this.#add(address, planned.works.get(address)?.declaration?.finally ?? []))
      for (const due of dues) due.remaining += 1
      if (dues.length > 0) this.#byAddress.set(address, dues)
    }
  }

  #add(name: string, commands: readonly Command[]): Due {
    const due: Due = { name, commands, remaining: 0, state: "idle", seq: undefined }
    this.#all.push(due)
    return due
  }

  /** Lines to write together with the first intent of a node. */
  opens(address: string): readonly { readonly intent: NewIntent; readonly opened: (seq: number) => void }[] {
    const dues = (this.#byAddress.get(address) ?? []).filter((due) => due.state === "idle" && due.commands.length > 0)
    return dues.map((due) => {
      due.state = "open"
      return { intent: this.#intentOf(due), opened: (seq) => (due.seq = seq) }
    })
  }

  /** Runs what is due now that a node has ended. */
  async ended(address: string): Promise<void> {
    for (const due of this.#byAddress.get(address) ?? []) {
      due.remaining -= 1
      if (due.remaining === 0) await this.#run(due)
    }
  }

  /** Runs all that is still open: the run ends. */
  async endAll(): Promise<void> {
    for (const due of [...this.#all].reverse()) await this.#run(due)
    await Promise.all(this.#running)
  }

  async #run(due: Due): Promise<void> {
    if (due.state !== "open" || due.seq === undefined) return
    if (this.#engine.signal.aborted || this.#journal.broken) return // stays open: it runs at the next start
    due.state = "done"
    const running = runFinally(due.name, due.commands, due.seq, this.#journal, this.#engine)
    this.#running.push(running)
    await running
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
      await engine.runCommand(command, (text) =>
        engine.emit({ type: "node.log", address: name, stream: "stdout", text }),
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
