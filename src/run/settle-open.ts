import { runOwed } from "../apply/finally.ts"
import type { Journal } from "../apply/journal.ts"
import { FettleError } from "../errors.ts"
import { settlesOf } from "../plan/settle.ts"
import { follow } from "../policies/signals.ts"
import { secretsIn } from "../program/output.ts"
import { declare } from "../program/program.ts"
import { decode } from "../state/encode.ts"
import type { RunContext } from "./context.ts"

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
  await runOwedNow(context, journal)
  const waitMs = await longestHorizon(context, now)
  engine.emit({ type: "settle.started", intents: open.length, waitMs })
  if (waitMs === 0) return
  const { controller, release } = follow([engine.signal, context.setup.stopping])
  await sleep(waitMs, controller.signal).finally(release)
}

/** What a command prints may hold any secret of the program; one that is missing now keeps nothing that is owed from running. */
async function runOwedNow(context: RunContext, journal: Journal): Promise<void> {
  const { engine, snapshot, setup, params } = context
  if (!snapshot.open.some((each) => each.action === "finally")) return
  const declared = [...declare(setup.program, params).declarations.values()]
  await engine.box.openToHide(declared.flatMap((each) => secretsIn(each.props)))
  await runOwed(snapshot.open, journal, engine)
}

async function longestHorizon(context: RunContext, now: number): Promise<number> {
  const scope = declare(context.setup.program, context.params)
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
