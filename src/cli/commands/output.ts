import { FettleError } from "../../errors.ts"
import { escapeText } from "../../report/escape.ts"
import { byHand } from "../../run/account.ts"
import { readState } from "../../run/state-edit.ts"
import { allOutputs, outputAt, secretsIn } from "../../run/state-outputs.ts"
import { type DataKey, findKey } from "../../secrets/key.ts"
import type { Call } from "../call.ts"
import { say, sayJson, tableLines } from "../print.ts"
import { findState } from "../state-place.ts"

/** Prints outputs as state remembers them; secrets only with `--reveal`. One text alone is printed as it is, for scripts. */
export async function output(call: Call): Promise<number> {
  const place = await findState(call)
  const key = keyFor(call)
  const name = call.args[0]
  const snapshot = await readState(place.home)
  const read = (opening: DataKey | undefined): unknown =>
    name === undefined ? allOutputs(snapshot, opening) : outputAt(snapshot, name, opening)
  if (key === undefined) return told(call, read(undefined), name)
  const names = secretsIn(snapshot, name)
  return byHand(
    place.accounting,
    `output ${name === undefined ? "" : `${name} `}--reveal`,
    ["--reveal"],
    async (trail) => {
      for (const each of names) await trail.secretOpened(each)
      return told(call, read(key), name)
    },
  )
}

function told(call: Call, value: unknown, name: string | undefined): number {
  if (call.options.json === true) sayJson(value)
  else if (typeof value === "object" && value !== null) list(value, name)
  else say(shown(String(value), call))
  return 0
}

function keyFor({ options, around }: Call): DataKey | undefined {
  if (options.reveal !== true) return undefined
  const key = findKey(around.key)
  if (key === undefined)
    throw new FettleError(
      "STATE_KEY_MISSING",
      `there is no data key in ${around.key.file}, and FETTLE_STATE_KEY is not set`,
    )
  return key
}

/** A pipe gets the text as it is; a terminal never gets what it would obey. */
function shown(text: string, { around }: Call): string {
  return around.isTTY ? escapeText(text, { keepNewlines: true }) : text
}

function list(value: object, name: string | undefined): void {
  const rows =
    name === undefined
      ? Object.entries(value).flatMap(([address, outputs]) => pairs(outputs, `${address}.`))
      : pairs(value, "")
  for (const line of tableLines(rows)) say(line)
}

function pairs(value: unknown, before: string): readonly (readonly string[])[] {
  return Object.entries((value ?? {}) as object).map(([key, each]) => [
    before + key,
    typeof each === "string" ? each : JSON.stringify(each),
  ])
}
