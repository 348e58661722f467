import type { ProbeSettings } from "../../program/probe-settings.ts"
import { type Answer, type Asker, inconclusive } from "../answer.ts"

type Settings = ProbeSettings<"container">

export const container: Asker<Settings> = { timeoutMs: 60_000, late: "inconclusive", ask }

async function ask(_settings: Settings): Promise<Answer> {
  return inconclusive("not yet")
}
