import { createHash } from "node:crypto"
import { type ChangeParts, type HostChange, hostKind, type ScriptRecord } from "../../connect/host/kind.ts"
import { FettleError } from "../../errors.ts"
import type { Change, Last, Seen } from "../../provider.ts"
import { canonical } from "../../secrets/canonical.ts"
import { notRoot } from "./not-root.ts"
import {
  type ServiceOutputs as Outputs,
  serviceOutputs as outputs,
  serviceProps as props,
  type ServiceWant as Want,
} from "./service-props.ts"
import { ENDS, ensureScript, readScript, removeScript } from "./service-scripts.ts"
import { type ServiceFacts, servicesOf } from "./service-seen.ts"

/**
 * A service of systemd or OpenRC. One that was on before, in part or in whole, is left as it is when it leaves the program; one
 * that was off is stopped and disabled again. Restart is a state: what it was started with is kept on the host, so that a restart
 * that was cut off is still due.
 * @example resource(host.service, { name: "nginx", restartOn: [conf.hash] }, { on: web, after: [nginx] })
 */
export const service = hostKind({
  kind: "host.service",
  version: 1,
  about: "A service of systemd or OpenRC: whether it runs, starts at boot, and is restarted when its inputs change.",
  props,
  outputs,
  asserts: true,
  /** systemd itself gives a start and a stop 90 s each. */
  timeoutMs: 240_000,
  id: (want) => want.name,
  predict: ({ name }) => ({ name }),
  question: ({ id, want, last }) => ({
    shared: { script: readScript, words: [want?.name ?? id ?? last?.outputs.name ?? ""] },
  }),
  answer: ({ id, want, last }, found): Seen<Outputs> =>
    answer(want?.name ?? id ?? last?.outputs.name ?? "", want, found.shared as ScriptRecord),
  plan,
  change: ({ want }: ChangeParts<Want, Outputs>): HostChange => ({
    script: ensureScript({
      ...want,
      restart: fingerprintOf(want.restartOn),
      reload: fingerprintOf(want.reloadOn),
    }),
  }),
  removal,
  result: ({ script }, want) => {
    const all = servicesOf(script as ScriptRecord)
    if (all instanceof FettleError) throw all
    const facts = all.get(want.name)
    const differ = facts === undefined ? [] : differences(want, facts)
    if (facts !== undefined && differ.length === 0) return facts.outputs
    throw new FettleError("CHANGE_FAILED", `all was done, and ${differ.map(({ because }) => because).join("; ")}`)
  },
  failure,
})

function answer(name: string, want: Want | undefined, record: ScriptRecord): Seen<Outputs> {
  const all = servicesOf(record)
  if (all instanceof FettleError) return { failed: all }
  const facts = all.get(name)
  if (facts === undefined) return { failed: new FettleError("READ_SILENT", `the host told nothing of ${name}`) }
  const { restart, reload, boot, state, outdated } = facts
  return isThere(want, facts)
    ? { outputs: facts.outputs, shown: { restart, reload, boot, state, outdated } }
    : { absent: true, shown: { state } }
}

/** What is declared is that a service is on. Where nothing of that is so yet, it is made, and can be taken back as a whole. */
function isThere(want: Want | undefined, { outputs: { enabled, running, masked } }: ServiceFacts): boolean {
  if (want === undefined) return enabled || running || masked
  if (want.enabled !== true && want.running !== true) return true
  return (want.enabled === true && enabled) || (want.running === true && running)
}

function plan(want: Want, seen: Seen<Outputs>): Change<Want> {
  if (!("outputs" in seen)) return { action: "create" }
  const differ = differences(want, { outputs: seen.outputs, ...seen.shown } as ServiceFacts)
  return differ.length === 0
    ? { action: "none" }
    : {
        action: "update",
        props: [...new Set(differ.map(({ prop }) => prop))],
        because: differ.map(({ because }) => because).join("; "),
      }
}

/** Units that cannot be enabled by themselves, and are not disabled either. */
const NEITHER: readonly string[] = ["static", "indirect", "transient"]

interface Difference {
  readonly prop: keyof Want & string
  readonly because: string
}

function differences(want: Want, { outputs: at, restart, reload, boot, state, outdated }: ServiceFacts): Difference[] {
  const differ: Difference[] = []
  const add = (prop: Difference["prop"], because: string): void => void differ.push({ prop, because })
  if (want.enabled === true && !at.enabled && !NEITHER.includes(boot)) add("enabled", "it does not start at boot")
  if (want.enabled === false && at.enabled) add("enabled", "it starts at boot")
  if (want.running === true && !at.running) add("running", state === "failed" ? "it has failed" : "it is not running")
  if (want.running === false && at.running) add("running", "it is running")
  if (want.masked === true && !at.masked && at.exists) add("masked", "it is not masked")
  if (want.masked === false && at.masked) add("masked", "it is masked")
  if (outdated) add("name", "systemd has not read its unit file again")
  if (want.running !== true || !at.running) return differ
  const fingerprints = { restartOn: fingerprintOf(want.restartOn), reloadOn: fingerprintOf(want.reloadOn) }
  if (fingerprints.restartOn !== undefined && fingerprints.restartOn !== restart)
    add(
      "restartOn",
      `${restart === "-" ? "what it was started with is not known" : "it was started with something else"}: restart`,
    )
  else if (fingerprints.reloadOn !== undefined && fingerprints.reloadOn !== reload)
    add("reloadOn", `${reload === "-" ? "what it has loaded is not known" : "it has loaded something else"}: reload`)
  return differ
}

/** The same inputs give the same fingerprint; none give none. */
function fingerprintOf(inputs: readonly unknown[]): string | undefined {
  return inputs.length === 0 ? undefined : createHash("sha256").update(canonical(inputs)).digest("hex")
}

function removal(seen: Seen<Outputs>, last: Last<Want, Outputs> | undefined): HostChange {
  const name = "outputs" in seen ? seen.outputs.name : last?.outputs.name
  if (name === undefined || "absent" in seen) return {}
  return {
    script: removeScript({
      name,
      stop: last?.props.running === true,
      disable: last?.props.enabled === true,
      unmask: last?.props.masked === true,
    }),
  }
}

function failure({ exitCode, out, err }: ScriptRecord, want: Want | undefined): FettleError | undefined {
  const name = want?.name ?? ""
  switch (exitCode) {
    case ENDS.notRoot:
      return notRoot("change services")
    case ENDS.noManager:
      return new FettleError("SERVICES_MISSING", out.trim())
    case ENDS.unknown:
      return new FettleError("SERVICE_UNKNOWN", `the host has no service ${name}`)
    case ENDS.masked:
      return new FettleError("SERVICE_MASKED", `${name} is masked on the host`)
    case ENDS.died:
      return died(name, out.trim() || err.trim())
    default:
      return undefined
  }
}

function died(name: string, words: string): FettleError {
  return new FettleError("SERVICE_DIED", `${name} does not stay up: ${words.split("\n").at(-1) ?? ""}`, {
    details: { log: words.slice(-4_000) },
  })
}
