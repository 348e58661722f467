import type { Traffic } from "../connect/traffic.ts"
import { asFettleError, FettleError } from "../errors.ts"
import type { ReleaseOutputs, ReleaseProps } from "../program/release-props.ts"
import type { Json, Write } from "../provider.ts"
import type { Before } from "../verify/answer.ts"
import { askCheck } from "../verify/check.ts"
import type { LocalTools } from "../verify/tools.ts"
import { CountedJudging, sourceOf } from "./counted-judging.ts"
import { type CountSource, trafficCounts } from "./counting.ts"
import { takeMarks, withMarks } from "./log-marks.ts"
import { brokenOff, broughtBack } from "./outcome.ts"
import { type Progress, progressIn } from "./progress.ts"
import { RollOut } from "./roll-out.ts"
import { type Checked, ms } from "./roll-out-parts.ts"
import { backTo } from "./send.ts"
import { namesOf, serversOf } from "./servers.ts"
import { allTo } from "./shares.ts"
import { trafficIn } from "./traffic-in.ts"
import { watchBudget } from "./watch.ts"

type Call = Write<unknown>

/**
 * Carries a release out, or goes on with one that was cut off. Where an error ends it while the traffic is on its way, that is remembered:
 * else the next version would be sent beside traffic that nobody knows of.
 * @throws FettleError where no traffic was sent yet
 */
export async function carryOut(
  want: ReleaseProps,
  before: ReleaseOutputs | undefined,
  cutOff: Json | undefined,
  tools: LocalTools,
  call: Call,
): Promise<ReleaseOutputs> {
  let progress = progressIn(cutOff)
  const save = (each: Progress): Promise<void> => {
    progress = each
    return call.progress(each as Json)
  }
  try {
    const traffic = want.traffic === undefined ? undefined : trafficIn(want, call.connection)
    if (want.back) return await bringBack(want, before, progress, traffic, tools, call)
    if (progress !== undefined && progress.version !== want.version) {
      await giveUp(progress, want, before, traffic, call)
      progress = undefined // what goes wrong from here on is not on its way any more
    }
    return await carried(want, before, progress, traffic, tools, { ...call, save })
  } catch (thrown) {
    if (call.signal.aborted || progress === undefined || progress.phase === "before") throw thrown
    return brokenOff(before, progress, asFettleError(thrown, "CHANGE_FAILED"))
  }
}

async function carried(
  want: ReleaseProps,
  before: ReleaseOutputs | undefined,
  progress: Progress | undefined,
  traffic: Traffic | undefined,
  tools: LocalTools,
  call: Call & { save(progress: Progress): Promise<void> },
): Promise<ReleaseOutputs> {
  if (progress === undefined && before?.live?.version === want.version) return reroute(want, before, traffic, call)
  const logs = progress === undefined ? await takeMarks(want, tools, call) : progress.logs
  const checks = withMarks(want, logs ?? {})
  const judging = CountedJudging.of(want, before, traffic, progress, call)
  const roll = new RollOut({
    want,
    before,
    progress,
    traffic,
    judging,
    watch: (watching, signal) => {
      const source = watched(want, traffic, call)
      return watchBudget({ want, source, now: Date.now, tell: call.log, stopping: call.stopping, ...watching }, signal)
    },
    ask: (beforeOf) => askAll(checks, beforeOf, tools, call),
    logs,
    hook: (commands, signal) => runHooks(commands, tools, call, signal),
    tell: (text) => call.log(text),
    save: call.save,
    now: Date.now,
    signal: call.signal,
    stopping: call.stopping,
  })
  try {
    return await roll.run()
  } finally {
    judging.end()
  }
}

/** What counts a version that has all traffic: who sends it, or where its first metric comes from. */
function watched(want: ReleaseProps, traffic: Traffic | undefined, call: Call): CountSource | undefined {
  const sides = { candidate: want, baseline: want }
  if (traffic !== undefined) return trafficCounts(traffic, sides)
  const [first] = Object.entries(want.metrics ?? {})
  return first === undefined ? undefined : sourceOf(...first, sides, traffic, call)
}

/** Another version was on its way when its run was cut off, and is no longer declared: it gets no traffic any more. */
async function giveUp(
  left: Progress,
  want: ReleaseProps,
  before: ReleaseOutputs | undefined,
  traffic: Traffic | undefined,
  call: Call,
): Promise<void> {
  call.log(`${left.version} was on its way and is no longer declared: it is taken back`)
  if (before?.live !== undefined && traffic !== undefined)
    await backTo(serversOf(before.live), [], { traffic, tell: call.log, signal: call.signal })
  await takeOut(left.servers, want, traffic, call)
}

/** The same version: its instances have moved, or who sends the traffic has lost them. */
async function reroute(
  want: ReleaseProps,
  before: ReleaseOutputs,
  traffic: Traffic | undefined,
  call: Call,
): Promise<ReleaseOutputs> {
  const live = { version: want.version, slot: want.slot, instances: [...want.instances] }
  const own = new Set(namesOf(serversOf(live)))
  const gone = serversOf(before.live).filter(({ name }) => !own.has(name)) // it runs in fewer copies, or others
  await traffic?.route(allTo(serversOf(live), gone), call.signal)
  await takeOut(namesOf(gone), want, traffic, call)
  const { held: _held, error: _error, ...rest } = before // one that was taken back stays refused
  return { ...rest, version: want.version, verdict: "yes", sentence: `${want.version} has all traffic`, live }
}

/**
 * A version that still runs gets all traffic at once, because a person asked: no counts are waited for. What had the traffic, or was on its
 * way to it, gets none any more.
 */
async function bringBack(
  want: ReleaseProps,
  before: ReleaseOutputs | undefined,
  left: Progress | undefined,
  traffic: Traffic | undefined,
  tools: LocalTools,
  call: Call,
): Promise<ReleaseOutputs> {
  const live = before?.live?.version === want.version ? undefined : before?.live
  if (traffic !== undefined)
    await backTo(serversOf(want), serversOf(live), { traffic, tell: call.log, signal: call.signal })
  const own = new Set(namesOf(serversOf(want)))
  const gone = [...(left?.servers ?? []), ...namesOf(serversOf(live))].filter((name) => !own.has(name))
  await takeOut(gone, want, traffic, call)
  await runHooks(want.hooks?.rolledBack ?? [], tools, call, call.signal)
  const from = left?.version ?? live?.version ?? ""
  const sentence = `Brought back by hand: ${want.version} has all traffic, ${from} has none`
  return broughtBack(want, before, from, sentence, Date.now())
}

/** Takes servers out after their open requests have ended. */
async function takeOut(
  servers: readonly string[],
  want: ReleaseProps,
  traffic: Traffic | undefined,
  call: Call,
): Promise<void> {
  if (traffic === undefined || servers.length === 0) return
  await traffic.drained(servers, ms(want.drain), call.signal)
  await traffic.remove(servers, call.signal)
}

/** All checks at once; a "no" of one is a "no" of all. */
async function askAll(
  checks: ReleaseProps["checks"],
  beforeOf: (name: string) => Before,
  tools: LocalTools,
  call: Call,
): Promise<Checked> {
  const answers = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => {
      const { verdict, evidence, measured } = await askCheck(check, { ...call, connection: tools }, beforeOf(name))
      call.log(`${name}: ${verdict}: ${evidence}`)
      return { name, verdict, evidence, measured }
    }),
  )
  const measured = Object.fromEntries(
    answers.flatMap((each) =>
      each.verdict === "yes" && each.measured !== undefined && isCompared(checks[each.name]?.probe)
        ? [[each.name, each.measured]]
        : [],
    ),
  )
  const worst = answers.find(({ verdict }) => verdict === "no") ?? answers.find(({ verdict }) => verdict !== "yes")
  if (worst !== undefined) return { verdict: worst.verdict, evidence: `${worst.name}: ${worst.evidence}`, measured }
  return { verdict: "yes", evidence: "", measured }
}

/** Whether it is worth to be remembered what it measures. */
function isCompared(probe: unknown): boolean {
  return Object(probe).against !== undefined
}

/** @throws FettleError where one of them fails */
async function runHooks(
  commands: readonly (readonly string[])[],
  tools: LocalTools,
  call: Call,
  signal: AbortSignal,
): Promise<void> {
  for (const command of commands) {
    const { exitCode, stderr } = await tools.run(command, { env: tools.baseEnv, check: false, signal })
    if (exitCode === 0) continue
    const said = (call.hide?.(stderr) ?? stderr).trim().split("\n").at(-1) ?? ""
    throw new FettleError("CHANGE_FAILED", `the hook ${command[0]} ended with ${exitCode}: ${said}`)
  }
}
