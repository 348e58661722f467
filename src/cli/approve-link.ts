import { randomUUID } from "node:crypto"
import { resolve } from "node:path"
import { FettleError } from "../errors.ts"
import { EventStream } from "../events/events.ts"
import type { Approval, SavedPlan } from "../events/plan.ts"
import { type Duration, durationMs } from "../policies/duration.ts"
import { escapeText } from "../report/escape.ts"
import { terminalReporter } from "../report/terminal.ts"
import { linkSeal } from "../run/approved.ts"
import { findKey } from "../secrets/key.ts"
import { askByLink } from "./approve-server.ts"
import type { Call } from "./call.ts"
import { addApproval, readAnyPlan, readPlan, writePrivate } from "./plan-file.ts"
import { say } from "./print.ts"

/** How long a link works where nobody says: a person is waited for. */
const EXPIRES_MS = 15 * 60_000
/** Columns of a page of a browser. */
const COLUMNS = 120

/** How a yes is given: with a key of the person who runs this, or as somebody's whom a link was sent to. */
interface Yes {
  readonly as: string
  readonly give: (plan: SavedPlan) => Promise<Approval>
}

/**
 * Asks for a yes by a link.
 * @param sign with an SSH key of who runs this
 */
export async function approveByLink(
  call: Call,
  file: string,
  plan: SavedPlan,
  sign: { readonly key: string; readonly give: Yes["give"] } | undefined,
): Promise<number> {
  const { options } = call
  const yes = sign === undefined ? linkOf(call, file) : { as: `the SSH key ${sign.key}`, give: sign.give }
  const { listen, base } = placeOf(options)
  const expiresMs = options.expires === undefined ? EXPIRES_MS : durationMs(options.expires as Duration)
  const stop = new AbortController()
  const abort = (): void => stop.abort()
  for (const name of ["SIGINT", "SIGTERM"]) process.once(name, abort)
  const approve = async (): Promise<void> => {
    const now = readAnyPlan(file)
    if (now.seal !== plan.seal || now.hash !== plan.hash)
      throw new FettleError("PLAN_STALE", `${file} is another plan by now`, { next: "look at that one: ask again" })
    addApproval(file, now, await yes.give(now))
  }
  const tell = (link: string, until: Date): void => tellLink(call, link, until)
  try {
    const text = textOf(plan, call)
    const how = await askByLink({ plan, text, as: yes.as, listen, base, expiresMs, approve, tell }, stop.signal)
    return ended(call, how, yes, plan)
  } finally {
    for (const name of ["SIGINT", "SIGTERM"]) process.off(name, abort)
  }
}

function ended({ options }: Call, how: "approved" | "expired" | "stopped", { as }: Yes, { hash }: SavedPlan): number {
  if (how === "stopped") return 130
  if (how === "expired")
    throw new FettleError("CONSENT_MISSING", "nobody approved by the link while it worked", {
      next: "fettle approve FILE --serve makes another one",
    })
  if (options.json === true) say(JSON.stringify({ type: "approved", as, plan: hash }))
  else if (options.quiet !== true) say(escapeText(`Approved by ${as}: plan ${hash}.`))
  return 0
}

/** The link itself is the proof: who makes it must be one who may seal for others. @throws FettleError `STATE_KEY_MISSING`, `PLAN_SEAL` */
function linkOf({ options, around }: Call, file: string): Yes {
  const name = options.for ?? ""
  if (name === "" || /[\s,]/.test(name)) throw new FettleError("USAGE", "--for takes a name of the file of approvers")
  const key = findKey(around.key)
  if (key === undefined)
    throw new FettleError(
      "STATE_KEY_MISSING",
      "an approval by somebody's link is sealed by the data key, and there is none",
    )
  readPlan(file, key)
  const give = async (plan: SavedPlan): Promise<Approval> => {
    const atMs = Date.now()
    return { atMs, name, seal: linkSeal(key, plan, atMs, name) }
  }
  return { as: name, give }
}

const LOOPBACK = /^(127(\.\d{1,3}){3}|\[::1\]|localhost)$/

/** @throws FettleError `USAGE` where others could read the link on its way */
function placeOf({ serve, url }: Call["options"]): Pick<Parameters<typeof askByLink>[0], "listen" | "base"> {
  const address = typeof serve === "string" ? serve : "127.0.0.1:0"
  const [, host = "", port = "0"] = /^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?$/.exec(address) ?? []
  if (host === "" || Number(port) > 65_535)
    throw new FettleError("USAGE", `--serve takes an address and a port, not ${JSON.stringify(address)}`, {
      next: "--serve 127.0.0.1:8080",
    })
  const base = url === undefined ? undefined : URL.parse(url)
  if (base === null || (base !== undefined && (base.protocol !== "https:" || base.search !== "" || base.hash !== "")))
    throw new FettleError("USAGE", "--url is https://host, and a path at most")
  if (!LOOPBACK.test(host) && base === undefined)
    throw new FettleError("USAGE", `at ${host} everybody on the way could read the link, and use it`, {
      next: "listen on 127.0.0.1, or put something that speaks TLS before it and give --url https://…",
    })
  return { listen: { host: host.replace(/^\[|\]$/g, ""), port: Number(port) }, base }
}

function tellLink({ options, around }: Call, link: string, until: Date): void {
  if (options.linkTo !== undefined) writePrivate(resolve(around.cwd, options.linkTo), `${link}\n`)
  const shown = options.linkTo === undefined ? link : `in ${options.linkTo}`
  if (options.json === true) say(JSON.stringify({ type: "approval.link", link: shown, until: until.toISOString() }))
  else say(`Open once, until ${until.toISOString()}:\n  ${escapeText(shown)}`)
}

/** The whole plan as an approver sees it on a terminal. */
function textOf(plan: SavedPlan, { around }: Call): string {
  let text = ""
  const reporter = terminalReporter({
    write: (more) => {
      text += more
    },
    columns: () => COLUMNS,
    color: false,
    isTTY: false,
    verbose: true,
    root: around.cwd,
  })
  const events = new EventStream(randomUUID(), (each) => each)
  events.subscribe(reporter.subscriber)
  const { saved: _saved, approvals: _approvals, seal: _seal, ...shown } = plan
  events.emit({ type: "plan.made", plan: shown })
  reporter.close()
  return text
}
