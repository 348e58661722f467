import type { Json } from "../../src/provider.ts"
import { change, plan, type Step } from "./build.ts"

const ADDRESS = "fettle.release[orders]"
const SENTENCE =
  "10 errors in 200 requests against 0 in 300; a version no worse is rolled back in at most 1 % of releases"

/** What a look of a release tells, where the new version has had so many requests. */
function look(requests: number, step: number, decision = "undecided"): Json {
  const bad = step === 0 ? 0 : Math.round(requests / 20)
  return {
    step,
    decision,
    sentence: decision === "undecided" ? "undecided: nothing is proven yet" : SENTENCE,
    metrics: [
      {
        name: "errors",
        candidate: { requests, bad },
        baseline: { requests: requests * 1.5, bad: 0 },
        rollbackEvidence: 2 ** bad,
        promoteEvidence: 1 / 2 ** bad,
        proven: false,
        byRatio: false,
        worstRatio: 2,
        judged: 3,
        unjudged: 0,
      },
    ],
    rollbackEvidence: 2 ** bad,
    rollbackAt: 100,
    promoteAt: 20,
  }
}

const error = {
  code: "RELEASE_ROLLED_BACK",
  fact: `Rolled back at minute 1, with 50 %: ${SENTENCE}`,
  next: "read the sentence; mend it and release it under another version",
  address: ADDRESS,
  place: "/home/ann/shop/fettle.ts:33",
}

/** A release that goes back. What it started is deleted again, in a second turn of its own. */
export const RELEASED: readonly Step[] = [
  { type: "run.started", command: "apply", program: "orders", stage: "prod", who: "ann" },
  { type: "plan.started", nodes: 2 },
  { type: "plan.ordered", nodes: ["orders@2/host.process[service]", ADDRESS], needs: [[], [0]] },
  {
    type: "plan.made",
    plan: plan([
      change("orders@2/host.process[service]", "create", { because: "not there", cause: "new" }),
      change(ADDRESS, "run", { type: "release", because: "1 → 2" }),
    ]),
  },
  { type: "apply.started", total: 2, pass: 1 },
  { type: "node.started", address: "orders@2/host.process[service]", action: "create" },
  {
    type: "node.finished",
    address: "orders@2/host.process[service]",
    action: "create",
    outcome: "done",
    durationMs: 900,
    after: 900,
  },
  { type: "node.started", address: ADDRESS, action: "run" },
  ...[0, 10, 20, 60, 100, 160].map(
    (requests, at): Step => ({
      type: "node.measured",
      address: ADDRESS,
      measured: look(requests, at < 3 ? 0 : 1),
      after: 1_600,
    }),
  ),
  { type: "node.log", address: ADDRESS, stream: "fettle", text: "sends 50 % of the traffic to 2" },
  { type: "node.measured", address: ADDRESS, measured: look(200, 1, "rollback"), after: 1_600 },
  { type: "node.finished", address: ADDRESS, action: "run", outcome: "failed", durationMs: 11_200, error },
  { type: "node.started", address: "orders@2/host.process[service]", action: "delete" },
  {
    type: "node.finished",
    address: "orders@2/host.process[service]",
    action: "delete",
    outcome: "done",
    durationMs: 300,
    after: 300,
  },
  { type: "run.finished", outcome: "no", exitCode: 3, durationMs: 12_500, counts: { create: 1, delete: 1, failed: 1 } },
]
