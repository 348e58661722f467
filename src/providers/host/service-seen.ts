import type { ScriptRecord } from "../../connect/host/kind.ts"
import { FettleError } from "../../errors.ts"
import type { ServiceOutputs } from "./service-props.ts"
import { ENDS } from "./service-scripts.ts"

/** One service, as its manager tells it. */
export interface ServiceFacts {
  readonly outputs: ServiceOutputs
  /** What it was started with; "-" where that is not known. */
  readonly restart: string
  readonly reload: string
  /** systemd's word for how it starts at boot: "static" is neither enabled nor disabled. */
  readonly boot: string
  readonly state: string
  /** True where systemd has not read its unit file since it changed. */
  readonly outdated: boolean
}

/** One answer serves all items of a read: its text is taken apart once. */
const known = new WeakMap<ScriptRecord, ReadonlyMap<string, ServiceFacts> | FettleError>()

export function servicesOf(record: ScriptRecord): ReadonlyMap<string, ServiceFacts> | FettleError {
  const found = known.get(record) ?? parse(record)
  known.set(record, found)
  return found
}

/** systemd tells units in the order in which they were asked for: an answer of another length says nothing. */
function parse({ exitCode, out }: ScriptRecord): ReadonlyMap<string, ServiceFacts> | FettleError {
  if (exitCode === ENDS.noManager) return new FettleError("SERVICES_MISSING", out.trim())
  const [head = "", ...blocks] = out.trimEnd().split("\n\n")
  const [first = "", ...asked] = head.split("\n")
  const manager = /^manager=(systemd|openrc)$/.exec(first)?.[1] as ServiceOutputs["manager"] | undefined
  if (exitCode !== 0 || manager === undefined || blocks.length !== asked.length)
    return new FettleError("READ_FAILED", `the services of the host cannot be read: ${out.trim().slice(-500)}`)
  const found = new Map<string, ServiceFacts>()
  for (const [at, line] of asked.entries()) {
    const [, name = "", restart = "-", reload = "-"] = /^service=(\S+) (\S+) (\S+)$/.exec(line) ?? []
    const facts = new Map(
      (blocks[at] ?? "").split("\n").map((each): [string, string] => {
        const cut = each.indexOf("=")
        return [each.slice(0, cut), each.slice(cut + 1)]
      }),
    )
    const [load, state, boot] = ["LoadState", "ActiveState", "UnitFileState"].map((fact) => facts.get(fact) ?? "")
    if (!load || !state) return new FettleError("READ_FAILED", `the service ${name} cannot be read`)
    found.set(name, {
      outputs: {
        name,
        manager,
        exists: load !== "not-found",
        enabled: ["enabled", "alias", "generated"].includes(boot ?? ""),
        running: ["active", "reloading", "refreshing"].includes(state),
        masked: load === "masked",
      },
      restart,
      reload,
      boot: boot ?? "",
      state,
      outdated: facts.get("NeedDaemonReload") === "yes",
    })
  }
  return found
}
