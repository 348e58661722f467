import type { Instance } from "../connect/traffic.ts"
import { FettleError } from "../errors.ts"
import { sleep } from "../policies/timer.ts"
import { freshOf } from "../program/release-memory.ts"
import type { ReleaseOutputs } from "../program/release-props.ts"
import { livedOn, placesOf } from "./liveness.ts"
import { held, promoted, rolledBack } from "./outcome.ts"
import type { Progress } from "./progress.ts"
import { ms, type RollOutParts } from "./roll-out-parts.ts"
import { backTo, mustSendAgain, send } from "./send.ts"
import { namesOf, serversOf } from "./servers.ts"
import { allTo, BESIDE, type InstanceShare, type Sides, type Step, stepsOf } from "./shares.ts"

/** What who sends the traffic says of a copy that does not come up. */
const COPY_DOWN: ReadonlySet<string> = new Set(["RELEASE_TRAFFIC", "HAPROXY_SERVER_DOWN"])

/** Nothing is waited for any more: how it ended, or that it has all traffic now. */
type Over = ReleaseOutputs | "all"

/**
 * Brings one version to full traffic, or all traffic back to the version before it.
 *
 * Each turn is written down before it is made, and each can be made again: a run that was killed anywhere leaves traffic that adds up,
 * and the next one goes on from what stands there.
 */
export class RollOut {
  readonly #parts: RollOutParts
  readonly #sides: Sides<Instance>
  readonly #steps: readonly Step<Instance>[]
  #progress: Progress

  constructor(parts: RollOutParts) {
    const { want, before, progress, traffic, judging } = parts
    this.#parts = parts
    const live = before?.live
    this.#sides = {
      before: serversOf(live),
      after: serversOf(want),
      fresh: live === undefined ? [] : serversOf({ version: freshOf(live.version), instances: want.fresh }),
    }
    const isBeside = traffic === undefined && judging.counts
    this.#steps = isBeside ? BESIDE : stepsOf(want, this.#sides)
    const servers = namesOf([...this.#sides.after, ...this.#sides.fresh])
    const known = progress?.servers ?? []
    const { waits, ...left } = progress ?? this.#fromStart()
    const resumed = waits === true ? { resumedMs: parts.now() } : {} // that it is applied again is an answer: go on judging
    this.#progress = { ...notAhead(left, parts.now()), ...resumed, servers: [...new Set([...known, ...servers])] }
  }

  #fromStart(): Omit<Progress, "servers"> {
    const { want, before, logs, now } = this.#parts
    return {
      version: want.version,
      ...(before?.live === undefined ? {} : { from: before.live.version }),
      ...(logs === undefined ? {} : { logs }),
      phase: "before",
      step: -1,
      stepSinceMs: now(),
      startedMs: now(),
    }
  }

  /** How far it has come. */
  get progress(): Progress {
    return this.#progress
  }

  /** @throws FettleError where traffic cannot be sent, or a hook fails: the next run goes on from its progress */
  async run(): Promise<ReleaseOutputs> {
    const { phase, sentence = "" } = this.#progress
    if (phase === "back") return this.#back(sentence)
    if (phase === "before" || phase === "shifting") {
      const ended = await this.#shift()
      if (ended !== undefined) return ended
    }
    return this.#finish()
  }

  /** Where the run is to end in order: it stays where it stands. */
  #stopped(): ReleaseOutputs | undefined {
    const { want, before, stopping } = this.#parts
    if (stopping?.aborted !== true) return undefined
    const share = this.#progress.phase === "watching" ? "all" : (this.#steps[this.#progress.step]?.words ?? "none")
    const sentence = `Stopped by hand: ${want.version} stays with ${share} of the traffic, and fettle apply goes on`
    return held(before, sentence, this.#progress)
  }

  /** All steps; undefined where the version has all traffic at their end. */
  async #shift(): Promise<ReleaseOutputs | undefined> {
    const { want, hook, judging, signal } = this.#parts
    if (this.#progress.phase === "before") {
      await judging.begin(signal)
      if (this.#progress.logs !== undefined) await this.#save({}) // another run goes on from the same marks
      await hook(want.hooks?.before ?? [], signal)
      const no = await this.#checked("before it gets traffic")
      if (no !== undefined) return no
    }
    // Fewer steps may be declared by now; the last one is never skipped, for it comes only after the counts have said yes.
    const from = Math.max(0, Math.min(this.#progress.step, this.#steps.length - 1))
    for (let at = from; at < this.#steps.length; at += 1) {
      const isLast = at === this.#steps.length - 1
      const settled = isLast ? await this.#settled() : undefined // alone it is judged by our own requests, or after it
      const before = settled ?? (at > from ? await this.#checked(`before ${this.#steps[at]?.words}`) : undefined)
      const dead = before ?? (await this.#sent(at))
      const over = dead ?? (isLast ? await this.#last() : await this.#stay(at))
      if (over !== undefined) return over === "all" ? undefined : over
    }
    return undefined
  }

  /** Sends the traffic of one step; back again where a copy of the new version does not come up for who sends it. */
  async #sent(at: number): Promise<ReleaseOutputs | undefined> {
    try {
      await this.#goTo(at)
      return undefined
    } catch (thrown) {
      const { traffic, signal } = this.#parts
      const isDown = thrown instanceof FettleError && COPY_DOWN.has(thrown.code)
      const places = isDown && traffic !== undefined ? await placesOf(traffic, signal) : undefined
      if (this.#parts.before?.live === undefined || places === undefined) throw thrown
      const wanted = new Set(namesOf(this.#steps[at]?.shares.map(({ instance }) => instance) ?? []))
      const own = this.#sides.after.filter(({ name }) => wanted.has(name))
      if (own.every(({ name }) => places.find((each) => each.name === name)?.up === true)) throw thrown
      return this.#back(`Rolled back ${this.#when()}: ${(thrown as FettleError).fact}`)
    }
  }

  /** Sends the traffic of one step. A step that stood already when it was cut off keeps its time. */
  async #goTo(at: number): Promise<void> {
    const { tell, now } = this.#parts
    const step = this.#steps[at] as Step<Instance>
    const isResumed = this.#progress.phase === "shifting" && this.#progress.step === at
    if (!isResumed) await this.#save({ phase: "shifting", step: at, stepSinceMs: now() })
    await this.#route(step.shares)
    if (this.#steps === BESIDE) tell(`${this.#parts.want.version} has ${step.words} of the traffic, as others send it`)
    else tell(`${isResumed ? "goes on with" : "sends"} ${step.words} of the traffic to ${this.#parts.want.version}`)
  }

  /** At one step: its checks, then counts until its time is over. */
  async #stay(at: number): Promise<Over | undefined> {
    const { want, now } = this.#parts
    const no = await this.#checked(`at ${this.#steps[at]?.words}`)
    if (no !== undefined) return no
    const untilMs = this.#progress.stepSinceMs + ms(want.stepFor)
    for (;;) {
      const ended = await this.#look(at)
      if (typeof ended === "object") return ended
      if (now() >= untilMs) return undefined
      const over = await this.#pause(untilMs)
      if (over !== undefined) return over
    }
  }

  /** Before the last step the counts must have said yes; they are taken at the step before it until they do. */
  async #settled(): Promise<Over | undefined> {
    const { judging } = this.#parts
    const at = this.#steps.length - 2
    if (!judging.counts || (at < 0 && !judging.probes)) return undefined
    for (;;) {
      const ended = await this.#look(at)
      if (ended === "promote") return undefined
      if (typeof ended === "object") return ended
      const over = await this.#pause(this.#deadlineMs())
      if (over !== undefined) return over
    }
  }

  /**
   * With all traffic. Where it had none beside the version before it, what is broken shows only now: that one stays for the time of a step.
   */
  async #last(): Promise<Over | undefined> {
    const { want, judging, now, signal } = this.#parts
    if (this.#steps.length > 1 || this.#sides.before.length === 0 || !judging.counts || judging.probes) return "all"
    const untilMs = this.#progress.stepSinceMs + ms(want.stepFor)
    for (;;) {
      const dead = await this.#dead(allTo(this.#sides.after, []))
      const { decision, sentence } = await judging.alone(signal)
      this.#progress = { ...this.#progress, sentence }
      const because = dead ?? (decision === "rollback" ? sentence : undefined)
      if (because !== undefined) return this.#back(`Rolled back ${this.#when()}: ${because}`)
      if (now() >= untilMs) return (await this.#checked("with all traffic")) ?? "all"
      const over = await this.#pause(untilMs)
      if (over !== undefined) return over
    }
  }

  async #look(at: number): Promise<ReleaseOutputs | "promote" | "undecided"> {
    const { judging, signal } = this.#parts
    const dead = await this.#dead(this.#steps[at]?.shares ?? [])
    if (dead !== undefined) return this.#back(`Rolled back ${this.#when()}: ${dead}`)
    if (!judging.counts) return "promote"
    const { decision, sentence } = await judging.look(at, signal)
    this.#progress = { ...this.#progress, judge: judging.save(), sentence }
    await this.#save({})
    return decision === "rollback" ? this.#back(`Rolled back ${this.#when()}: ${sentence}`) : decision
  }

  /** Why the version is dead, as who sends its traffic sees it; where that one has lost its servers, they are sent to it again. */
  async #dead(shares: readonly InstanceShare<Instance>[]): Promise<string | undefined> {
    const { traffic, signal, now, tell } = this.#parts
    const places = traffic === undefined ? undefined : await placesOf(traffic, signal)
    if (places === undefined) return undefined
    if (mustSendAgain(shares, this.#sides.before, places)) {
      tell("who sends the traffic does not send it as it was told: it is told once more")
      await this.#route(shares).catch(throwIfAborted(signal)) // a copy that does not come up is found dead below, by and by
    }
    const served = shares.filter(({ share }) => share > 0).map(({ instance }) => instance)
    const after = new Set(namesOf(this.#sides.after))
    const sides = {
      candidate: served.filter(({ name }) => after.has(name)),
      baseline: served.filter(({ name }) => !after.has(name)),
    }
    const { downs, because } = livedOn(this.#progress.downs ?? {}, places, sides, now())
    this.#progress = { ...this.#progress, downs }
    return because
  }

  /** At which minute, and how much of the traffic it had. */
  #when(): string {
    const { startedMs, step } = this.#progress
    const minute = Math.floor((this.#parts.now() - startedMs) / 60_000) + 1
    return `at minute ${minute}, with ${this.#steps[step]?.words ?? "no traffic"}`
  }

  #deadlineMs(): number {
    const { startedMs, resumedMs = startedMs } = this.#progress
    return resumedMs + ms(this.#parts.want.deadline)
  }

  /** What becomes of a release whose time is over; undefined while it is not. */
  async #late(): Promise<Over | undefined> {
    const { want, before, now } = this.#parts
    if (now() < this.#deadlineMs()) return undefined
    const sentence = `Undecided after ${String(want.deadline)}: ${this.#progress.sentence?.replace(/^undecided: /, "") ?? "its checks gave no answer"}`
    if (want.onInconclusive === "promote") {
      await this.#save({ sentence: `${sentence}; promoted, as onInconclusive says` })
      await this.#goTo(this.#steps.length - 1)
      return "all"
    }
    return want.onInconclusive === "rollback" ? this.#back(sentence) : held(before, sentence, this.#progress)
  }

  async #checked(when: string): Promise<ReleaseOutputs | undefined> {
    const { want, before, ask, signal } = this.#parts
    const isNow = this.#progress.phase === "before"
    const { startedMs, measured: known = {} } = this.#progress
    const { verdict, evidence, measured } = await ask((name) => ({ startedMs, isNow, measured: known[name] }), signal)
    if (isNow) await this.#save({ measured }) // what is measured from here on is compared with it, by a later run, too
    if (verdict === "yes") return undefined
    const sentence = `${verdict === "no" ? "Rolled back" : "Not decided"} ${when}: ${evidence}`
    if (verdict === "no" || want.onInconclusive === "rollback") return this.#back(sentence)
    return want.onInconclusive === "promote" ? undefined : held(before, sentence, this.#progress)
  }

  /** With all traffic on it: the version before it is drained, and the new one is watched. */
  async #finish(): Promise<ReleaseOutputs> {
    const { want, before, traffic, watch, hook, tell, now, signal } = this.#parts
    const isOther = before?.live?.version !== want.version
    const old = isOther ? this.#sides.before : []
    const promotedMs = this.#progress.promotedMs ?? now()
    if (this.#progress.phase !== "watching") {
      await this.#save({ phase: "promoted", promotedMs })
      const idle = [...old, ...this.#sides.fresh]
      await this.#route(allTo(this.#sides.after, idle))
      if (!((await traffic?.drained(namesOf(idle), ms(want.drain), signal)) ?? true))
        tell(`requests to ${before?.live?.version} were still open after ${String(want.drain)}`)
      const stays = new Set(namesOf(this.#sides.after))
      await traffic?.remove(
        this.#progress.servers.filter((name) => !stays.has(name)),
        signal,
      )
    }
    if (want.watch !== undefined) {
      await this.#save({ phase: "watching" })
      const because = await watch(
        {
          promotedMs,
          usual: this.#parts.judging.usual(),
          ticks: this.#progress.ticks ?? [],
          save: (ticks) => this.#save({ ticks: [...ticks] }),
          dead: () => this.#dead(allTo(this.#sides.after, [])),
        },
        signal,
      )
      if (because !== undefined) return this.#back(because)
      const stopped = this.#stopped()
      if (stopped !== undefined) return stopped
    }
    await hook(want.hooks?.promoted ?? [], signal)
    const praise = this.#praise()
    tell(praise)
    const outputs = promoted(want, before, praise)
    const stay = new Set(outputs.kept.map(({ version }) => version))
    const gone = [...(before?.live === undefined ? [] : [before.live]), ...(before?.kept ?? [])].filter(
      ({ version }) => !stay.has(version) && version !== want.version,
    )
    await traffic?.remove(namesOf(gone.flatMap(serversOf)), signal)
    return outputs
  }

  #praise(): string {
    const { want, judging } = this.#parts
    const said = judging.counts && this.#progress.sentence !== undefined ? `: ${this.#progress.sentence}` : ""
    return `${want.version} has all traffic${said}`
  }

  /** All traffic back to the version before it. What was taken back stays there without traffic until its run has ended. */
  async #back(sentence: string): Promise<ReleaseOutputs> {
    const { want, before, traffic, hook, tell, now, signal } = this.#parts
    await this.#save({ phase: "back", sentence })
    const live = before?.live
    tell(sentence)
    const { after, fresh } = this.#sides
    if (live !== undefined && traffic !== undefined)
      await backTo(this.#sides.before, [...after, ...fresh], { traffic, tell, signal })
    if (live !== undefined) await traffic?.drained(this.#progress.servers, ms(want.drain), signal)
    await traffic?.remove(this.#progress.servers, signal)
    await hook(want.hooks?.rolledBack ?? [], signal)
    return rolledBack(want, before, sentence, now())
  }

  async #route(shares: readonly InstanceShare<Instance>[]): Promise<void> {
    const { traffic, tell, signal } = this.#parts
    if (traffic !== undefined) await send(shares, this.#sides.before, { traffic, tell, signal })
  }

  async #save(more: Partial<Progress>): Promise<void> {
    this.#progress = { ...this.#progress, ...more }
    await this.#parts.save(this.#progress)
  }

  /** Waits for the next look; what becomes of the release where its time is over, or the run is to end. */
  async #pause(untilMs: number): Promise<Over | undefined> {
    const { want, now, signal, stopping } = this.#parts
    const over = (await this.#late()) ?? this.#stopped()
    if (over !== undefined) return over
    await sleep(Math.max(0, Math.min(ms(want.every), untilMs - now())), signal, stopping)
    return undefined
  }
}

/** Times that lie ahead, because the clock was set back meanwhile, are now: else nothing would be over until it has caught up. */
function notAhead<P extends Omit<Progress, "servers">>(progress: P, nowMs: number): P {
  const { stepSinceMs, startedMs, resumedMs, promotedMs } = progress
  const least = (atMs: number): number => Math.min(atMs, nowMs)
  return {
    ...progress,
    stepSinceMs: least(stepSinceMs),
    startedMs: least(startedMs),
    ...(resumedMs === undefined ? {} : { resumedMs: least(resumedMs) }),
    ...(promotedMs === undefined ? {} : { promotedMs: least(promotedMs) }),
  }
}

/** For what may fail, but for the end of the run. */
function throwIfAborted(signal: AbortSignal): (thrown: unknown) => void {
  return (thrown) => {
    if (signal.aborted) throw thrown
  }
}
