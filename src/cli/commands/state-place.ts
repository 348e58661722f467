import { resolve } from "node:path"
import { FettleError } from "../../errors.ts"
import { homeAt } from "../../run/home.ts"
import { migrateState } from "../../run/state-migrate.ts"
import { rotateKey } from "../../run/state-rotate.ts"
import { type DataKey, findKey, keyInFile } from "../../secrets/key.ts"
import type { StateHome } from "../../state/home.ts"
import type { Call } from "../call.ts"
import { pageFor, print } from "../print.ts"
import { addressOf } from "../setup.ts"
import { type Found, findState } from "../state-place.ts"

/** Moves state into another store. */
export async function migrate(call: Call): Promise<number> {
  const to = addressOf(call, call.options.to)
  if (to === undefined)
    throw new FettleError("USAGE", "say where state goes", {
      next: "fettle state migrate --to postgres://user@host/database",
    })
  const from = addressOf(call, call.options.from)
  const place = await findState(from === undefined ? call : { ...call, options: { ...call.options, store: from } })
  const key = keyHere(call)
  const target = await homeIn(to, place, call)
  const { rows, open, runs } = await migrateState(place.home, target, key, place.holder, place.accounting)
  tell(call, [
    `Moved ${counted(rows, "row")}, ${counted(open, "open change")} and ${counted(runs, "run")} to ${target.name}, and read them there again.`,
    `${place.home.name} is marked: nobody goes on there.`,
    "Next: give --store or FETTLE_STORE, or let the program say `store`; whoever works with it needs the same data key.",
  ])
  return 0
}

/** Seals state with another key. */
export async function rotate(call: Call): Promise<number> {
  if (call.options.to === undefined)
    throw new FettleError("USAGE", "say where the new key is, or is to be", {
      next: "fettle state rotate-key --to FILE",
    })
  const file = resolve(call.around.cwd, call.options.to)
  const place = await findState(call)
  const old = keyHere(call)
  const next = keyInFile(file)
  const count = await rotateKey(place.home, old, next, place.holder, place.accounting)
  tell(call, [
    `Sealed ${counted(count, "value")} of ${place.program} (${place.stage}) with the data key ${next.id} of ${file}.`,
    `Next: FETTLE_STATE_KEY_FILE=${file}, or its text as FETTLE_STATE_KEY, for everybody who works with this state.`,
  ])
  return 0
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`
}

function tell(call: Call, lines: readonly string[]): void {
  if (call.options.quiet === true) return
  const page = pageFor(call)
  for (const line of lines) page.add([line])
  print(page)
}

/** @throws FettleError `STATE_KEY_MISSING` */
function keyHere({ around }: Call): DataKey {
  const key = findKey(around.key)
  if (key !== undefined) return key
  throw new FettleError(
    "STATE_KEY_MISSING",
    `there is no data key in ${around.key.file}, and FETTLE_STATE_KEY is not set`,
  )
}

/** The place where the state of the same stage goes. What is moved has its key: it is the one that is given from now on. */
function homeIn(address: string, { loaded, folder, stage }: Found, call: Call): Promise<StateHome> {
  if (loaded === undefined)
    throw new FettleError("PROGRAM_THREW", "state is moved with its program, which cannot be loaded", {
      next: "mend the program first: fettle plan says what is wrong with it",
    })
  const { around } = call
  const secrets = {
    env: (name: string) => around.env[name],
    run: () => Promise.reject(new FettleError("INTERNAL", "a store was to be found by a command")),
  }
  return homeAt(address, {
    program: loaded.program,
    stage,
    stateFolder: folder,
    key: { ...around.key, isGiven: true },
    secrets,
  })
}
