import { runOwed } from "../apply/finally.ts"
import type { Journal } from "../apply/journal.ts"
import { FettleError } from "../errors.ts"
import { settlesOf } from "../plan/settle.ts"
import { follow } from "../policies/signals.ts"
import { isPlain, secretsIn } from "../program/output.ts"
import { declare } from "../program/program.ts"
import type { Json } from "../provider.ts"
import { releaseMemories } from "../release/memory.ts"
import { decode } from "../state/encode.ts"
import type { RunContext } from "./context.ts"
import { untilStopped } from "./until-stopped.ts"

/** Notes when open intents were first known to be orphaned, runs what is owed, and waits until absence is proof. */
export async function settleOpen(context: RunContext, journal: Journal): Promise<void> {
  const { engine } = context
  const open = context.snapshot.open
  if (open.length === 0) return
  const now = engine.now()
  const fresh = open.filter((each) => each.orphanedAt === undefined).map((each) => ({ seq: each.seq, at: now }))
  if (fresh.length > 0) await journal.write({ orphaned: fresh })
  context.snapshot = {
    ...context.snapshot,
    open: open.map((each) => ({ ...each, orphanedAt: each.orphanedAt ?? now })),
  }
  await endCommands(context)
  await runOwedNow(context, journal)
  const waitMs = await longestHorizon(context, now)
  engine.emit({ type: "settle.started", intents: open.length, waitMs })
  if (waitMs === 0) return
  const { controller, release } = follow([engine.signal, context.setup.stopping])
  await sleep(waitMs, controller.signal).finally(release)
}

/** A command outlives the run that was killed. It must have ended before its `finally` runs, and before it runs again. */
async function endCommands({ engine, snapshot, setup }: RunContext): Promise<void> {
  const ended = snapshot.open.map(async ({ address, progress }) => {
    const marks = isPlain(progress) && Array.isArray(progress.commands) ? (progress.commands as readonly Json[]) : []
    const left = await Promise.all(marks.map((mark) => setup.tools.end(mark)))
    if (left.includes(true))
      engine.emit({
        type: "settle.done",
        address,
        how: "an earlier run was cut off: its command still ran and was ended",
      })
  })
  await Promise.all(ended)
}

/** What a command prints may hold any secret of the program; one that is missing now keeps nothing that is owed from running. */
async function runOwedNow(context: RunContext, journal: Journal): Promise<void> {
  const { engine, snapshot, setup, params } = context
  if (!snapshot.open.some((each) => each.action === "finally")) return
  const declared = [...declare(setup.program, params, releaseMemories(snapshot), "apply").declarations.values()]
  const secrets = declared.flatMap((each) => secretsIn(each.props))
  await untilStopped(context, "cancelled while opening secrets", () => engine.box.openToHide(secrets))
  await runOwed(snapshot.open, journal, engine)
}

async function longestHorizon(context: RunContext, now: number): Promise<number> {
  const scope = declare(context.setup.program, context.params, releaseMemories(context.snapshot), "apply")
  let longest = 0
  for (const intent of context.snapshot.open) {
    const provider = scope.providers.get(intent.kind) ?? (await context.engine.builtIn(intent.kind))
    if (provider === undefined || (intent.action !== "create" && intent.action !== "replace")) continue
    const settles = settlesOf(provider, decode(intent.want))
    if (typeof settles === "object") longest = Math.max(longest, (intent.orphanedAt ?? now) + settles.horizonMs - now)
  }
  return longest
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer)
      reject(new FettleError("CANCELLED", "cancelled while waiting until an interrupted create would show"))
    }
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", end)
      resolve()
    }, ms)
    if (signal.aborted) end()
    else signal.addEventListener("abort", end, { once: true })
  })
}
