export { type ErrorCode, FettleError } from "./errors.ts"
export type { EventBody, FettleEvent } from "./events/events.ts"
export type { Plan, PlannedChange, PlanOptions } from "./events/plan.ts"
export { allowed } from "./policies/allowed.ts"
export { callSignal, inContext } from "./policies/context.ts"
export { type Duration, durationMs } from "./policies/duration.ts"
export { logged } from "./policies/logged.ts"
export { notified, notify, sendNotification } from "./policies/notify.ts"
export {
  type JudgedNode,
  type JudgedPlan,
  type PlanPolicy,
  type PolicyFinding,
  type PolicyLevel,
  policy,
} from "./policies/plan-policy.ts"
export { guard, guarded, type Policy } from "./policies/policy.ts"
export { rate } from "./policies/rate.ts"
export { retry, worthRetrying } from "./policies/retry.ts"
export { starterPolicies } from "./policies/starter-policies.ts"
export { timeout } from "./policies/timeout.ts"
export { type CheckOptions, check, type Probe } from "./program/check.ts"
export { addressOfNode, type Node, type NodeOptions } from "./program/declaration.ts"
export { each } from "./program/each.ts"
export { type FleetOptions, fleet, type Member, type Share } from "./program/fleet.ts"
export { group, on, retire } from "./program/group.ts"
export { type LogSince, log } from "./program/log-probes.ts"
export { logins } from "./program/logins.ts"
export { type Input, json, type Output, type Outputs, text } from "./program/output.ts"
export { command, dns, file, http, tcp } from "./program/probes.ts"
export { type Program, program } from "./program/program.ts"
export {
  type Instance,
  type ReleaseCheck,
  type ReleaseMetric,
  type ReleaseOptions,
  release,
  type VersionPlace,
} from "./program/release.ts"
export { lookup, resource } from "./program/resource.ts"
export { type Database, type Migrated, sql } from "./program/sql-probes.ts"
export { type TaskCall, task } from "./program/task.ts"
export { containers, processes, prometheus } from "./program/usage-probes.ts"
export type { RunResult, RunSetup } from "./run/context.ts"
export { localSetup } from "./run/local.ts"
export { applyProgram as apply, planProgram as plan } from "./run/run.ts"
export { verifyProgram as verify } from "./run/verify.ts"
export type { Secret } from "./secrets/secret.ts"
export { secret } from "./secrets/sources.ts"
export { cpu } from "./verify/cpu.ts"
export { markLog } from "./verify/probes/log-segments.ts"
