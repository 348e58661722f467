import { setTimeout as sleep } from "node:timers/promises"
import { FettleError } from "../../errors.ts"
import type { Holder } from "../../state/lock.ts"
import type { Call } from "../call.ts"
import { pageFor, print } from "../print.ts"
import { findState } from "../state-place.ts"

const LOOK_MS = 100

/** Tells the run that holds the lock to end in order, and waits until it has: what is under way finishes, a release stays where it stands. */
export async function stop(call: Call): Promise<number> {
  const place = await findState(call)
  const holder = await place.home.holder()
  if (holder === undefined)
    throw new FettleError("RUN_NOT_FOUND", `no run of ${place.program} (${place.stage}) is under way`, {
      next: "fettle runs lists those that were",
    })
  tellToStop(holder, call)
  say(call, `Stopping fettle ${holder.command} of ${holder.who} (process ${holder.pid}): what is under way finishes.`)
  while (isSame(await place.home.owner(call.around.host), holder)) await sleep(LOOK_MS)
  say(call, "It has ended. What it did: fettle logs last")
  return 0
}

function say(call: Call, text: string): void {
  if (call.options.quiet === true) return
  const page = pageFor(call)
  page.add([text])
  print(page)
}

/** @throws FettleError `STATE_LOCKED` where it is a process of somebody else or of another machine */
function tellToStop(holder: Holder, { around }: Call): void {
  if (holder.isFromHere === undefined ? holder.host !== around.host : !holder.isFromHere) throw elsewhere(holder)
  try {
    process.kill(holder.pid, "SIGTERM")
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ESRCH") return // it has just ended
    throw new FettleError("STATE_LOCKED", `process ${holder.pid} is one of ${holder.who}`, {
      cause,
      next: "as that user: fettle stop",
    })
  }
}

/** A shared lock needs nobody to free it; a run elsewhere is ended there. */
function elsewhere({ who, host, pid, command, since }: Holder): FettleError {
  const fact = `fettle ${command} of ${who} (process ${pid}, since ${since}) runs on ${host}, and was not begun in this folder; it cannot be stopped from here`
  return new FettleError("STATE_LOCKED", fact, {
    next: `there: fettle stop; in CI, cancel the job. Where it is dead or cut off, its lock frees itself: fettle apply waits for that`,
  })
}

function isSame(now: Holder | undefined, before: Holder): boolean {
  return now?.pid === before.pid && now.since === before.since
}
