import { hostOf } from "../connect/host/driver.ts"
import type { Traffic } from "../connect/traffic.ts"
import { FettleError } from "../errors.ts"
import { freshOf } from "../program/release-memory.ts"
import type { ReleaseOutputs, ReleaseProps } from "../program/release-props.ts"
import type { Json, Write } from "../provider.ts"
import { openSettings } from "../verify/open-settings.ts"
import { AloneJudging } from "./alone.ts"
import { between, type Counted, type CountSource, readOrMissing, trafficCounts } from "./counting.ts"
import { Probing } from "./probing.ts"
import type { Progress } from "./progress.ts"
import { PrometheusCounts, type PrometheusCountsParts, type PrometheusSource } from "./prometheus-counts.ts"
import { type Judged, type Judging, ms } from "./roll-out-parts.ts"
import type { VersionInstances } from "./servers.ts"
import { Judge, type JudgeSettings, type JudgeState } from "./verdict/judge.ts"

type Metric = NonNullable<ReleaseProps["metrics"]>[string]
type Call = Write<unknown>

/** What is counted where a release says nothing. */
const USUAL: Readonly<Record<string, Metric>> = { errors: { source: { from: "traffic", counts: "errors" } } }

/** So often it is told how far a release is from a decision. */
const TELL_MS = 10_000

/** Takes counts at each look, hands them to the judgement, and tells what it says. */
export class CountedJudging implements Judging {
  readonly counts: boolean
  readonly probes: boolean
  readonly #alone: AloneJudging
  readonly #judge: Judge
  readonly #sources: ReadonlyMap<string, CountSource>
  readonly #last = new Map<string, { readonly candidate: Counted; readonly baseline: Counted; readonly atMs: number }>()
  /** When each source was read last, also where that brought nothing yet. */
  readonly #looked = new Map<string, number>()
  readonly #probings: ReadonlyMap<string, Probing>
  readonly #call: Call
  readonly #leastMs: number
  #toldMs = 0

  private constructor(
    judge: Judge,
    sources: ReadonlyMap<string, CountSource>,
    probings: ReadonlyMap<string, Probing>,
    call: Call,
    { leastMs, rollbackError }: { readonly leastMs: number; readonly rollbackError: number },
  ) {
    this.#leastMs = leastMs
    this.#probings = probings
    this.#judge = judge
    this.#sources = sources
    this.#call = call
    this.counts = sources.size > 0
    this.probes = probings.size > 0
    this.#alone = new AloneJudging(sources, rollbackError)
  }

  /** @throws FettleError `PROPS_INVALID` for a source that there is none of */
  static of(
    want: ReleaseProps,
    before: ReleaseOutputs | undefined,
    traffic: Traffic | undefined,
    progress: Progress | undefined,
    call: Call,
  ): CountedJudging {
    const sources = new Map<string, CountSource>()
    const probings = new Map<string, Probing>()
    const metrics = want.metrics ?? (traffic === undefined ? {} : USUAL)
    const live = baselineOf(want, before)
    if (live !== undefined)
      for (const [name, metric] of Object.entries(metrics)) {
        sources.set(name, sourceOf(name, metric, { candidate: want, baseline: live }, traffic, call))
        if (metric.probes !== undefined)
          probings.set(name, new Probing(metric.probes, { candidate: want, baseline: live }))
      }
    const settings = settingsOf(want, metrics)
    const saved = progress?.judge as JudgeState | undefined
    const judge = saved === undefined ? new Judge(settings) : Judge.from(settings, saved)
    const { rollbackError, every } = want
    return new CountedJudging(judge, sources, probings, call, { leastMs: ms(every) / 2, rollbackError })
  }

  async begin(signal: AbortSignal): Promise<void> {
    for (const [name, source] of this.#sources) {
      const { never } = await readOrMissing(source, signal)
      if (never !== undefined)
        throw new FettleError("PROPS_INVALID", `metrics.${name}: ${never}`, {
          next: "mend the query, or who may ask it, and apply again: nothing was sent to the new version yet",
        })
    }
  }

  async look(step: number, signal: AbortSignal): Promise<Judged> {
    for (const probing of this.#probings.values()) probing.begin()
    await Promise.all([...this.#sources].map(([name, source]) => this.#take(name, source, step, signal)))
    const judgement = this.#judge.judgement()
    const { decision, sentence } = judgement
    if (decision === "undecided" && Date.now() - this.#toldMs >= TELL_MS) {
      this.#call.log(sentence)
      this.#toldMs = Date.now()
    }
    this.#call.measured?.({ step, ...judgement } as unknown as Json)
    return { decision, sentence }
  }

  usual(): number {
    const rates = Object.values(this.#judge.save().metrics).map(({ baseline: { requests, bad } }) =>
      requests === 0 ? 0 : bad / requests,
    )
    return Math.max(0, ...rates)
  }

  alone(signal: AbortSignal): Promise<Judged> {
    return this.#alone.look(signal)
  }

  save(): JudgeState {
    return this.#judge.save()
  }

  /** No request of our own is made any more. */
  end(): void {
    for (const probing of this.#probings.values()) probing.end()
  }

  async #take(name: string, source: CountSource, step: number, signal: AbortSignal): Promise<void> {
    const atMs = Date.now()
    const last = this.#last.get(name)
    if (last !== undefined && atMs - last.atMs < this.#leastMs) return // a step has just begun: it goes into the next interval
    const probing = this.#probings.get(name)
    const now = await readOrMissing(source, signal)
    const lookedMs = this.#looked.get(name)
    this.#looked.set(name, atMs)
    if (now.held === true && last !== undefined) return
    this.#last.set(name, { ...now, atMs })
    const candidate = between(last?.candidate, now.candidate)
    const baseline = between(last?.baseline, now.baseline)
    const missing = "missing" in candidate ? candidate.missing : "missing" in baseline ? baseline.missing : undefined
    if (last === undefined) return // the first reading is where counting begins
    this.#judge.observe({
      metric: name,
      atMs,
      lengthMs: atMs - last.atMs,
      ...(lookedMs === undefined ? {} : { lookMs: atMs - lookedMs }),
      step,
      ...(probing === undefined ? {} : { probes: probing.take() }),
      ...("missing" in candidate ? {} : { candidate }),
      ...("missing" in baseline ? {} : { baseline }),
      ...(missing === undefined ? {} : { missing }),
    })
  }
}

/** What it is compared with: the version that runs, or copies of that started with it. */
function baselineOf({ fresh }: ReleaseProps, before: ReleaseOutputs | undefined): VersionInstances | undefined {
  const { live } = before ?? {}
  return live === undefined || fresh.length === 0 ? live : { version: freshOf(live.version), instances: fresh }
}

/** @throws FettleError `PROPS_INVALID` where who sends the traffic should count, and nobody is named who does */
export function sourceOf(
  name: string,
  { source }: Metric,
  sides: { readonly candidate: VersionInstances; readonly baseline: VersionInstances },
  traffic: Traffic | undefined,
  call: Pick<Call, "reveal" | "secret" | "hide" | "reach">,
): CountSource {
  if (source.from === "prometheus") {
    const { settings, hide } = openSettings(
      source,
      (secret) => call.reveal(secret),
      (secret, value) => call.secret(secret, value),
    )
    return new PrometheusCounts(settings as PrometheusSource, sides, {
      hide: (text) => hide(call.hide?.(text) ?? text),
      dial: source.on === undefined ? undefined : dialOn(source.on, call),
    })
  }
  if (traffic !== undefined)
    return trafficCounts(traffic, sides, source.counts === "slow" ? source.slowerThanMs : undefined)
  throw new FettleError("PROPS_INVALID", `metrics.${name} comes from who sends the traffic, and nobody does`, {
    next: "give the release `traffic`, or counts from elsewhere",
  })
}

/** Connects from a host. @throws FettleError `CONNECTION_WRONG` for what is none */
function dialOn(name: string, call: Pick<Call, "reach">): NonNullable<PrometheusCountsParts["dial"]> {
  return async (to, signal) => {
    const driver = await call.reach?.(name)
    const host = driver === undefined ? undefined : hostOf(driver)
    if (host === undefined) throw new FettleError("CONNECTION_WRONG", `${name} is no host that can be asked from`)
    return host.dial(to, signal)
  }
}

function settingsOf(want: ReleaseProps, metrics: Readonly<Record<string, Metric>>): JudgeSettings {
  return {
    rollbackError: want.rollbackError,
    promoteError: want.promoteError,
    warmupMs: ms(want.warmup),
    metrics: Object.entries(metrics).map(
      ([name, { source, probes: _probes, worstRatio = want.worstRatio, ...rest }]) => ({
        name,
        worstRatio,
        ...(isSlowness(source) ? { warmup: "skip" as const } : {}),
        ...rest,
      }),
    ),
  }
}

/** Caches and compilers warm up: at first, answers may be as slow as they like. */
function isSlowness(source: Metric["source"]): boolean {
  return source.from === "traffic" && source.counts === "slow"
}
