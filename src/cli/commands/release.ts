import { FettleError } from "../../errors.ts"
import type { PlanOptions } from "../../events/plan.ts"
import { editState, readState } from "../../run/state-edit.ts"
import { forgetRefusal, promoteHeld, releaseNamed, versionBefore } from "../../run/state-release.ts"
import { locked } from "../../state/lock.ts"
import type { Call } from "../call.ts"
import { pageFor, print } from "../print.ts"
import { runProgram } from "../run-program.ts"
import { type Found, findState } from "../state-place.ts"

/** Sends all traffic of a release back to a version that still runs. */
export async function rollback(call: Call): Promise<number> {
  const place = await findState(call)
  const holder = await place.home.holder() // what it does to the release is in no state yet
  if (holder !== undefined)
    throw locked(holder, "fettle stop leaves the traffic where it stands; then: fettle rollback")
  const snapshot = await readState(place.home)
  const release = releaseNamed(snapshot, call.args[0] ?? "")
  const version = versionBefore(snapshot, release, call.args[1])
  return goOn(call, place, { targets: [release], backTo: { release, version } })
}

/** Lets a release that waits for a person go on to all traffic. */
export async function promote(call: Call): Promise<number> {
  const place = await findState(call)
  const release = releaseNamed(await readState(place.home), call.args[0] ?? "")
  if (call.options.yes !== true && !call.around.canAsk)
    throw new FettleError(
      "CONSENT_MISSING",
      `to promote ${release} needs consent, and there is no terminal to ask on`,
      {
        next: `fettle release promote '${call.args[0]}' --yes`,
      },
    )
  await editState(place, (edit) => promoteHeld(edit, release), {
    what: `release promote ${release}`,
    forced: ["release promote"],
  })
  return goOn(call, place, { targets: [release] })
}

/** Lets a version that was rolled back be tried again. */
export async function retry(call: Call): Promise<number> {
  const place = await findState(call)
  const release = releaseNamed(await readState(place.home), call.args[0] ?? "")
  const version = await editState(place, (edit) => forgetRefusal(edit, release), {
    what: `release retry ${release}`,
    forced: ["release retry"],
  })
  const page = pageFor(call)
  page.add([`${release}: ${version} may be tried again; next: fettle apply`])
  if (call.options.quiet !== true) print(page)
  return 0
}

/** The release itself is meant; other changes are asked about. */
function goOn(call: Call, { loaded }: Found, options: PlanOptions): Promise<number> {
  if (loaded === undefined)
    throw new FettleError("PROGRAM_THREW", "a release needs its program, which cannot be loaded", {
      next: "mend the program first: fettle plan says what is wrong with it",
    })
  const meant = ({ address }: { readonly address: string }): boolean => options.targets?.includes(address) === true
  return runProgram(call, loaded, { options, asking: { meant } })
}
