import type { FettleEvent } from "../../src/events/events.ts"
import type { PlannedChange } from "../../src/events/plan.ts"
import { change, events, plan, type Step } from "./build.ts"

/** What stands on each host of a fleet, and the positions of what each needs there. */
const PARTS = [
  { kind: "host.directory", name: "/srv/shop", needs: [] },
  { kind: "host.file", name: "/srv/shop/config.json", needs: [0] },
  { kind: "host.package", name: "nginx", needs: [] },
  { kind: "host.service", name: "shop", needs: [1, 2] },
  { kind: "fettle.check", name: "answers", needs: [3] },
] as const

/** Hosts whose service does not start: every 250th. */
const BROKEN = 250
/** Changes at once. */
const LANES = 100

/** The events of a run over so many hosts, five nodes each: all change, a few fail, and what needs those is left alone. */
export function manyNodes(hosts: number): readonly FettleEvent[] {
  const nodes: string[] = []
  const needs: number[][] = []
  const changes: PlannedChange[] = []
  for (let host = 0; host < hosts; host += 1)
    for (const { kind, name, needs: of } of PARTS) {
      nodes.push(`${hostName(host)}/${kind}[${name}]`)
      needs.push(of.map((at) => host * PARTS.length + at))
      changes.push(changeOf(host, nodes.at(-1) as string, kind))
    }
  const turns: Step[] = []
  for (let host = 0; host < hosts; host += LANES)
    for (const [at, { kind, name }] of PARTS.entries()) {
      const wave = Array.from({ length: Math.min(LANES, hosts - host) }, (_each, lane) => host + lane)
      turns.push(
        ...wave.map(
          (each): Step => ({ type: "node.started", address: address(each, kind, name), action: actionOf(kind) }),
        ),
      )
      turns.push(...wave.flatMap((each, lane) => ended(each, at, lane)))
    }
  const broken = Math.floor((hosts - 1) / BROKEN) + 1
  return events([
    {
      type: "run.started",
      command: "apply",
      program: "fleet",
      stage: "prod",
      who: "ann@desk",
      versions: { fettle: "0.1.0" },
    },
    { type: "plan.started", nodes: nodes.length },
    ...Array.from(
      { length: hosts },
      (_each, host): Step => ({
        type: "plan.read",
        connection: hostName(host),
        items: 4,
        durationMs: 30 + (host % 40),
      }),
    ),
    { type: "plan.ordered", nodes, needs },
    { type: "plan.made", plan: plan(changes, { total: nodes.length }), after: 900 },
    { type: "apply.started", total: nodes.length, pass: 1 },
    ...turns,
    {
      type: "run.finished",
      outcome: "failed",
      exitCode: 1,
      durationMs: 60_000,
      counts: { create: 3 * hosts, update: hosts - broken, failed: broken, skipped: broken },
    },
  ])
}

function hostName(host: number): string {
  return `web-${String(host).padStart(4, "0")}`
}

function address(host: number, kind: string, name: string): string {
  return `${hostName(host)}/${kind}[${name}]`
}

function actionOf(kind: string): PlannedChange["action"] {
  return kind === "fettle.check" ? "check" : kind === "host.service" ? "update" : "create"
}

function changeOf(host: number, of: string, kind: string): PlannedChange {
  const action = actionOf(kind)
  return change(of, action, {
    because: action === "create" ? "not there" : action === "check" ? "asked at every apply" : "config changed",
    cause: action === "create" ? "new" : "wanted",
    connection: hostName(host),
    place: `/home/ann/shop/fettle.ts:${20 + of.length}`,
    id: of.slice(of.indexOf("[") + 1, -1),
    ...(kind === "host.file"
      ? { text: `@@ -1,2 +1,2 @@\n {\n-  "host": "old-${host}"\n+  "host": "${hostName(host)}"\n }` }
      : {}),
    ...(kind === "host.service"
      ? { props: [{ name: "restartOn", from: `${host * 7919}`, to: `${host * 104_729}` }] }
      : {}),
  })
}

function ended(host: number, part: number, lane: number): readonly Step[] {
  const { kind, name } = PARTS[part] as (typeof PARTS)[number]
  const of = { address: address(host, kind, name), action: actionOf(kind), durationMs: 40 + ((host * 37) % 160) }
  const after = lane === 0 ? of.durationMs : 2
  if (host % BROKEN !== 0 || part < 3)
    return [
      ...(part === 4
        ? [
            {
              type: "check.finished",
              address: of.address,
              verdict: "yes",
              evidence: `200 in ${host % 90} ms`,
              durationMs: of.durationMs,
            } as const,
          ]
        : []),
      { type: "node.finished", ...of, outcome: "done", after },
    ]
  const error =
    part === 3
      ? {
          code: "UNIT_FAILED",
          fact: `shop.service did not start on ${hostName(host)}`,
          next: "fettle logs RUN NODE",
          address: of.address,
        }
      : {
          code: "CHANGE_FAILED",
          fact: `waits for ${address(host, "host.service", "shop")}`,
          next: "",
          address: of.address,
        }
  return [{ type: "node.finished", ...of, outcome: part === 3 ? "failed" : "skipped", error, after }]
}
