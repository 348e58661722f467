import { z } from "zod"
import type { AnyProvider, Connection } from "../provider.ts"
import { NodeHandle, type NodeOptions } from "./declaration.ts"
import { fixOptions } from "./options.ts"
import type { Input, Output } from "./output.ts"
import { here } from "./place.ts"
import { refuseElsewhere, refuseHere, refuseOutsideRelease, refuseReleaseMark } from "./probe-place.ts"
import { fixProps } from "./props.ts"
import { defineOutput, formerAddress, nodeAddress, withAfter } from "./resource.ts"
import { add, scopeOf, useConnection } from "./scope.ts"

export const CHECK_KIND = "fettle.check"

/** A question as data: its type and its settings. Outputs and secrets may stand in it. */
export interface Probe {
  readonly probe: string
  readonly [setting: string]: unknown
}

/** A duration: milliseconds, or a number with ms, s, m, h or d. */
const duration = z.union([
  z.number().nonnegative(),
  z.string().regex(/^\d+(\.\d+)?\s*(ms|s|m|h|d)$/, "expected a duration such as 250ms, 30s or 5m"),
])

export const checkProps = z.strictObject({
  probe: z.looseObject({ probe: z.string() }),
  /** Name of the connection that it is asked through. */
  on: z.string().optional(),
  within: duration.optional(),
  for: duration.optional(),
  every: duration.optional(),
})

/** What a check says. "no" is an answer, not an error; "inconclusive" is neither yes nor no. */
export const verdicts = ["yes", "no", "inconclusive"] as const
export type Verdict = (typeof verdicts)[number]

export const checkOutputs = z.object({
  verdict: z.enum(verdicts),
  /** What was seen, in one line. */
  evidence: z.string(),
  attempts: z.number().int(),
  durationMs: z.number(),
  /** Measured values, with units in their names. */
  measured: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
})

export type CheckOutputs = z.output<typeof checkOutputs>

export interface CheckOptions extends Pick<NodeOptions, "after" | "policies"> {
  /**
   * Where it is asked: on this host, or from it, with what it can see and reach. Default: this machine.
   * @example check("can connect", sql.query({ postgres: url }, "select 1"), { on: web })
   */
  readonly on?: Connection
  /** Ask again until yes, for at most this long. Default: once. */
  readonly within?: number | string
  /** The answer must stay yes for this long. */
  readonly for?: number | string
  /** Time between two questions. Default 250 ms, growing to 2 s. */
  readonly every?: number | string
}

const shape = { kind: CHECK_KIND, props: checkProps } as unknown as AnyProvider

/** A declared check. What is `after` it is not changed unless it says yes. */
export class CheckNode extends NodeHandle {
  declare readonly verdict: Output<Verdict>
  declare readonly evidence: Output<string>
}

/**
 * A question with a verdict: yes, no or inconclusive.
 * @throws FettleError `PROPS_INVALID`, `DUPLICATE_ADDRESS`
 * @example check("answers", http.get("http://127.0.0.1:8080/health"), { after: [app], within: "30s" })
 */
export function check(name: string, probe: Input<Probe>, options: CheckOptions = {}): CheckNode {
  const scope = scopeOf("check(…)", check)
  const place = here(check)
  const address = nodeAddress(scope, shape, name, place)
  const { after, policies, on, ...waits } = fixOptions("check", options, address, place)
  refuseElsewhere(probe, on, address, place)
  if (on === undefined) refuseHere(probe, address, place)
  else useConnection(scope, on, place)
  refuseOutsideRelease(probe, address, place)
  refuseReleaseMark(probe, address, place)
  const where = on === undefined ? {} : { on: on.name }
  const { props, needs, complete } = fixProps(shape, { probe, ...waits, ...where }, address, place)
  add(scope, {
    address,
    type: "check",
    kind: CHECK_KIND,
    provider: undefined,
    props,
    complete,
    connection: undefined,
    ...(on === undefined ? {} : { reaches: [on] }),
    needs: withAfter(needs, after, address, place),
    options: policies ? { policies } : {},
    renamedFrom: formerAddress(scope, CHECK_KIND, undefined),
    place,
    finally: [],
  })
  return new CheckNode(address)
}

defineOutput(CheckNode.prototype, "verdict")
defineOutput(CheckNode.prototype, "evidence")
