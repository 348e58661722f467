import { randomUUID } from "node:crypto"
import { existsSync } from "node:fs"
import { join, resolve } from "node:path"
import { runCommand } from "../../connect/process.ts"
import { FettleError } from "../../errors.ts"
import { EventStream } from "../../events/events.ts"
import { type Approval, approvalText, isPending, type SavedPlan } from "../../events/plan.ts"
import { NAMESPACE } from "../../run/approved.ts"
import { approveByLink } from "../approve-link.ts"
import { ask } from "../ask.ts"
import type { Call } from "../call.ts"
import { addApproval, readAnyPlan } from "../plan-file.ts"
import { say } from "../print.ts"
import { reporterFor } from "../reporter.ts"

/** Shows a saved plan whole, asks, and signs it with the approver's SSH key. Neither program nor state nor data key is needed. */
export async function approve(call: Call): Promise<number> {
  const file = resolve(call.around.cwd, call.args[0] ?? "")
  const plan = readAnyPlan(file)
  if (Date.now() > plan.saved.expiresAtMs)
    throw new FettleError("PLAN_EXPIRED", `${file} was good until ${new Date(plan.saved.expiresAtMs).toISOString()}`)
  if (call.options.serve !== undefined) {
    const key = call.options.for === undefined ? keyOf(call) : undefined
    return approveByLink(
      call,
      file,
      plan,
      key === undefined ? undefined : { key, give: (now) => signed(now, key, call) },
    )
  }
  refuseServing(call)
  const key = keyOf(call)
  show(plan, call)
  if (!(await isMeant(plan, call))) return 130
  addApproval(file, plan, await signed(plan, key, call))
  if (call.options.json !== true)
    say(`Approved with ${key}. It is good until ${new Date(plan.saved.expiresAtMs).toISOString()}`)
  return 0
}

/** Everything that it would do, however much: what is approved has been shown. */
function show(plan: SavedPlan, call: Call): void {
  const reporter = reporterFor({ ...call, options: { ...call.options, verbose: true, quiet: false } })
  const events = new EventStream(randomUUID(), (text) => text)
  events.subscribe(reporter.subscriber)
  const { saved: _saved, approvals: _approvals, seal: _seal, ...shown } = plan
  events.emit({ type: "plan.made", plan: shown })
  reporter.close()
}

async function isMeant({ program, stage, changes, saved }: SavedPlan, { options, around }: Call): Promise<boolean> {
  const pending = changes.filter(isPending).length
  const what = `${pending === 1 ? "this change" : `these ${pending} changes`} of ${program} (${stage}), planned by ${saved.by}`
  if (options.yes === true) return true
  if (!around.canAsk || options.json === true)
    throw new FettleError("CONSENT_MISSING", `nobody is there to look at ${what}`, {
      next: "read the plan, then: fettle approve FILE --yes",
    })
  return /^y(es)?$/i.test((await ask(`Approve ${what}? [y/N] `, undefined)).trim())
}

/** @throws FettleError `USAGE` */
function refuseServing({ options }: Call): void {
  const given = (["for", "url", "linkTo", "expires"] as const).find((name) => options[name] !== undefined)
  if (given === undefined) return
  const flag = given.replace(/[A-Z]/g, (each) => `-${each.toLowerCase()}`)
  throw new FettleError("USAGE", `--${flag} is for a link`, { next: "fettle approve FILE --serve" })
}

/** A yes that is signed with an SSH key. */
async function signed(plan: SavedPlan, key: string, call: Call): Promise<Approval> {
  const atMs = Date.now()
  return { atMs, signature: await sign(approvalText(plan, atMs), key, call) }
}

/** Where ssh-keygen looks for a key when nobody says. */
const KEYS = ["id_ed25519", "id_ecdsa", "id_ed25519_sk", "id_ecdsa_sk", "id_rsa"] as const

/** @throws FettleError `USAGE` where there is none */
function keyOf({ options, around }: Call): string {
  if (options.key !== undefined) return resolve(around.cwd, options.key)
  const folder = join(around.env.HOME ?? "", ".ssh")
  const found = KEYS.map((name) => join(folder, name)).find((file) => existsSync(file))
  if (found !== undefined) return found
  throw new FettleError("USAGE", `there is no SSH key in ${folder} to approve with`, {
    next: "--key FILE names one; a public key whose private one is in the agent will do",
  })
}

/** Longest time that a person may take for a passphrase or to touch a key. */
const SIGN_MS = 120_000

async function sign(text: string, key: string, { around }: Call): Promise<string> {
  const { SSH_AUTH_SOCK, SSH_ASKPASS, DISPLAY, WAYLAND_DISPLAY, SSH_ASKPASS_REQUIRE } = around.env
  const named = { SSH_AUTH_SOCK, SSH_ASKPASS, DISPLAY, WAYLAND_DISPLAY, SSH_ASKPASS_REQUIRE }
  const env = Object.fromEntries(
    Object.entries(named).filter((each): each is [string, string] => each[1] !== undefined),
  )
  const command = ["ssh-keygen", "-Y", "sign", "-q", "-f", key, "-n", NAMESPACE]
  const { stdout } = await runCommand(command, { input: text, base: around.env, env, timeoutMs: SIGN_MS })
  return Buffer.from(stdout).toString()
}
