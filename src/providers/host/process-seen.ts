import type { HostAnswer, ScriptRecord } from "../../connect/host/kind.ts"
import { FettleError } from "../../errors.ts"
import type { Seen } from "../../provider.ts"
import type { ProcessOutputs } from "./process-props.ts"
import type { Supervisor } from "./process-scripts.ts"
import { unitName } from "./systemd-unit.ts"

/** What `readScript` found, whoever keeps the process running. */
export function answerProcess(
  directory: string,
  found: HostAnswer,
  wanted: Supervisor | undefined,
): Seen<ProcessOutputs> {
  const at = found.path(directory)
  const script = found.script as ScriptRecord
  if (at !== "absent" && "failed" in at)
    return { failed: new FettleError("READ_FAILED", `${directory} cannot be read: ${at.failed}`) }
  if (at !== "absent" && at.type !== "directory")
    return { failed: new FettleError("FILE_REFUSED", `${directory} is not a directory`) }
  if (script.exitCode !== 0)
    return {
      failed: new FettleError("READ_FAILED", `${directory}: ${script.out.trim() || `exit code ${script.exitCode}`}`),
    }
  const facts = factsOf(script.out)
  const without = facts.get("without")
  if (wanted === "systemd" && without !== undefined) return { failed: noSystemd(without) }
  const fingerprint = facts.get("fingerprint")
  if (fingerprint === undefined) return { absent: true }
  const { supervisor, running, times, ...shown } = facts.get("by") === "systemd" ? byUnit(facts) : byLoop(facts)
  const unit = facts.get("by") === "systemd" ? { unit: unitName(directory) } : {}
  return {
    outputs: { directory, log: `${directory}/log`, fingerprint, running, ...times, ...unit },
    shown: { supervisor, settings: facts.get("settings") ?? "", ...shown },
  }
}

/** Pid and start as a start script or a look tells them. */
export function startedAs(facts: ReadonlyMap<string, string>): { readonly pid: number; readonly startedAt: string } {
  return {
    pid: Number(facts.get("pid") ?? 0),
    startedAt: new Date(Number(facts.get("started") ?? 0) * 1_000).toISOString(),
  }
}

/** Lines of `name=value`. */
export function factsOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    text
      .split("\n")
      .flatMap((line) =>
        line.includes("=") ? [[line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)] as const] : [],
      ),
  )
}

/** @param words one line of `manager` or `lasting` in systemd-scripts.ts */
export function noSystemd(words: string): FettleError {
  const user = /of user (\S+)/.exec(words)?.[1]
  return new FettleError("SYSTEMD_MISSING", words.trim(), {
    next: user === undefined ? undefined : `on the host, as root: loginctl enable-linger ${user}`,
  })
}

/** How a process stands, for the plan to compare. */
interface Standing {
  readonly supervisor: "alive" | "gone"
  readonly running: boolean
  readonly times: ReturnType<typeof startedAs>
}

function byLoop(facts: ReadonlyMap<string, string>): Standing {
  const supervisor = facts.get("supervisor") === "alive" ? "alive" : "gone"
  return { supervisor, running: supervisor === "alive" && facts.get("child") === "alive", times: startedAs(facts) }
}

/** Where no systemd runs nothing is known of a unit, and nothing of it runs. */
function byUnit(
  facts: ReadonlyMap<string, string>,
): Standing & Readonly<Record<"unitFile" | "boot" | "reload", string>> {
  const state = facts.get("ActiveState") ?? "inactive"
  const pid = facts.get("MainPID") ?? "0"
  const started = facts.get("noted") === pid ? (facts.get("started") ?? "0") : "0"
  return {
    supervisor: state === "inactive" || state === "failed" ? "gone" : "alive",
    running: state === "active" && pid !== "0",
    times: startedAs(
      new Map([
        ["pid", pid],
        ["started", started],
      ]),
    ),
    unitFile: facts.get("unit") ?? "",
    boot: facts.get("UnitFileState") ?? "",
    reload: facts.get("NeedDaemonReload") ?? "no",
  }
}
