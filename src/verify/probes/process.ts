import type { ProbeSettings } from "../../program/probe-settings.ts"
import type { Asker } from "../answer.ts"
import { processHere } from "./process-here.ts"
import { processThere } from "./process-there.ts"

/** What a process uses: of this machine by its own eyes; of a host, and of a unit of systemd, by one script. */
export const process: Asker<ProbeSettings<"process">> = {
  timeoutMs: 60_000,
  late: "inconclusive",
  ask: (settings, question) =>
    question.where.type === "here" && settings.unit === undefined
      ? processHere(settings, question)
      : processThere(settings, question),
}
