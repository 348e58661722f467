import { factsOf } from "../../apply/outcome.ts"
import { findHostKey, type HostKeyFound, rememberHostKey } from "../../connect/host/trust.ts"
import { FettleError } from "../../errors.ts"
import { byHand } from "../../run/account.ts"
import { ask } from "../ask.ts"
import { type Call, countOf } from "../call.ts"
import { hasProgram } from "../exec-targets.ts"
import { pageFor, print, sayJson } from "../print.ts"
import { findState } from "../state-place.ts"

type New = Extract<HostKeyFound, { unknown: string }>

/** Makes the keys of hosts known: first contact, looked at by a person or by a fingerprint from elsewhere. */
export async function trust(call: Call): Promise<number> {
  const { config, port: portText } = call.options
  const port = countOf("--port", portText, 1)
  const options = { ...(config === undefined ? {} : { config }), ...(port === undefined ? {} : { port }) }
  const signal = new AbortController().signal
  const found = await Promise.all(
    [...new Set(call.args)].map(async (each) => judged(await findHostKey(each, options, signal), call)),
  )
  if (call.options.json !== true) show(found, call)
  const fresh = found.filter((each): each is New => "unknown" in each)
  if (fresh.length > 0 && !(await isTrusted(fresh, call))) return 1
  if (call.options.unseen === true && fresh.length > 0) await recordUnseen(call, fresh)
  for (const each of fresh) rememberHostKey(each)
  tell(found, fresh, call)
  return found.some((each) => "failed" in each) ? 1 : 0
}

/** Nobody looked at these keys: that is recorded where there is a program to record it for. */
async function recordUnseen(call: Call, fresh: readonly New[]): Promise<void> {
  if (!hasProgram(call)) return
  const { accounting } = await findState(call)
  const what = `trust ${fresh.map(({ destination, unknown }) => `${destination} ${unknown}`).join(", ")}`
  await byHand(accounting, what, ["--unseen"], async () => {})
}

/** A fingerprint that somebody gave must be the one that came. */
function judged(found: HostKeyFound, { options }: Call): HostKeyFound {
  const wanted = options.fingerprint
  if (wanted === undefined || !("unknown" in found)) return found
  const came = found.unknown.split(" ")[1] ?? ""
  if (wanted.map((each) => each.replace(/^(?!SHA256:)/, "SHA256:")).includes(came)) return found
  const { destination } = found
  return {
    destination,
    failed: new FettleError("HOST_KEY_UNKNOWN", `${destination} showed ${found.unknown}, which is not what you gave`, {
      next: "compare with what ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub prints at its console",
    }),
  }
}

/** @throws FettleError `CONSENT_MISSING` */
async function isTrusted(fresh: readonly New[], { around, options }: Call): Promise<boolean> {
  if (options.fingerprint !== undefined || options.unseen === true) return true
  const keys = fresh.length === 1 ? "this key" : `these ${fresh.length} keys`
  if (!around.canAsk || options.json === true)
    throw new FettleError("CONSENT_MISSING", `nobody is there to look at ${keys}`, {
      next: `get the fingerprint another way, then: fettle trust ${fresh[0]?.destination} --fingerprint SHA256:…`,
    })
  const answer = await ask(`Compare with what stands at the console. Trust ${keys} from now on? [y/N] `, undefined)
  return /^y(es)?$/i.test(answer.trim())
}

function show(found: readonly HostKeyFound[], call: Call): void {
  const page = pageFor(call)
  const width = Math.max(...found.map(({ destination }) => destination.length)) + 2
  for (const each of found) {
    const name = each.destination.padEnd(width)
    if ("known" in each) page.add([["green", "ok  "], name, each.known, ["dim", " is known"]], width + 4)
    else if ("unknown" in each) page.add([["yellow", "new "], name, each.unknown], width + 4)
    else {
      const { code, fact, next } = each.failed
      page.add([["red", "×   "], name, ["alarm", code], ` ${fact}`], width + 4)
      page.add([" ".repeat(width + 4), ["cyan", "next  "], next], width + 10)
    }
  }
  print(page)
}

function tell(found: readonly HostKeyFound[], fresh: readonly New[], call: Call): void {
  if (call.options.json === true)
    sayJson(found.map((each) => ("failed" in each ? { ...each, failed: factsOf(each.failed) } : each)))
  else if (call.options.quiet !== true && fresh.length > 0) {
    const page = pageFor(call)
    const files = [...new Set(fresh.map(({ file }) => file))]
    page.add(
      [
        ["green", "+ "],
        `${fresh.length === 1 ? "1 key is" : `${fresh.length} keys are`} known now, in ${files.join(", ")}`,
      ],
      2,
    )
    print(page)
  }
}
