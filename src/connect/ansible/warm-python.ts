import { randomBytes } from "node:crypto"
import { inflateSync } from "node:zlib"
import { asFettleError, FettleError } from "../../errors.ts"
import type { Json } from "../../provider.ts"
import { untilAll } from "../host/change.ts"
import type { HostCommandEnd } from "../host/command.ts"
import type { HostClient } from "../host/kind.ts"
import type { Payload } from "./payload.ts"
import { TARGET } from "./target-python.ts"

/** Most calls in one request: what is asked of a host at once is told at once. */
const CALLS_MAX = 100
/** Added to the limits of the calls: the start of Python and the way there. */
const MARGIN_MS = 30_000
/** What becomes ready within so long shares a request: less than a round trip, and enough to read a file that is sent. */
const GATHER_MS = 3
/** Exit code where no Python was found. */
const NO_PYTHON = 92

/** One run of one module on a host. */
export interface ModuleCall {
  /** The first whose path is there is run; "" is always there. */
  readonly modules: readonly { readonly where: string; readonly python: string; readonly without: readonly string[] }[]
  /** Plain: secrets are open. */
  readonly args: Readonly<Record<string, Json>>
  /** Contents, base64, that a file of the host holds while it runs; its path is the argument of that name. */
  readonly files: Readonly<Record<string, string>>
  readonly env: Readonly<Record<string, string>>
  readonly diff: boolean
  readonly noLog: boolean
  readonly timeoutS: number
}

/** What came of it. */
export interface ModuleAnswer {
  /** The module's own JSON; missing where it printed none. */
  readonly result?: Readonly<Record<string, Json>>
  /** Its diff, as lines. */
  readonly text?: string
  /** True where its arguments were accepted. */
  readonly init: boolean
  readonly late: boolean
  readonly exitCode: number
  readonly stderr: string
  readonly printed?: string
}

interface Waiting {
  readonly call: ModuleCall
  readonly payload: Payload
  readonly python: string
  readonly signal: AbortSignal
  readonly resolve: (answer: ModuleAnswer) => void
  readonly reject: (error: FettleError) => void
}

/** Finds a Python and runs what comes on standard input. */
const START = "import sys;exec(sys.stdin.buffer.read(int(sys.stdin.buffer.readline())))"
const FIND = `for p in \${1:-/usr/bin/python3 python3 /usr/libexec/platform-python /usr/local/bin/python3}; do
  command -v -- "$p" >/dev/null 2>&1 && exec "$p" -c '${START}'
done
exit ${NO_PYTHON}`

const warm = new WeakMap<HostClient, WarmPython>()

/** The warm Python behind an open host; it starts at the first call. */
export function warmPythonOn(client: HostClient): WarmPython {
  const known = warm.get(client)
  if (known !== undefined) return known
  const made = new WarmPython(client)
  warm.set(client, made)
  return made
}

/** Runs modules on one host: many in one request, one after the other there. */
export class WarmPython {
  readonly #client: HostClient
  readonly #nonce = randomBytes(12).toString("hex")
  /** Payloads, by Python, that a warm one of this session has. */
  readonly #sent = new Set<string>()
  readonly #waiting: Waiting[] = []
  #working: Promise<void> | undefined

  constructor(client: HostClient) {
    this.#client = client
  }

  /** Runs modules that only look, in as few requests as their answers fit in. */
  async look(
    calls: readonly ModuleCall[],
    parts: { readonly payload: Payload; readonly python: string; readonly signal: AbortSignal },
  ): Promise<readonly ModuleAnswer[]> {
    const answers: ModuleAnswer[] = []
    while (answers.length < calls.length)
      answers.push(...(await this.#request(calls.slice(answers.length, answers.length + CALLS_MAX), parts, false)))
    return answers
  }

  /** Runs one that may change the host, in one request with all others that wait. */
  change(call: ModuleCall, parts: Pick<Waiting, "payload" | "python" | "signal">): Promise<ModuleAnswer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ call, ...parts, resolve, reject })
      this.#working ??= this.#work()
    })
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0) {
      await new Promise<void>((soon) => setTimeout(soon, GATHER_MS))
      await this.#changeSome(this.#waiting.splice(0, CALLS_MAX))
    }
    this.#working = undefined
  }

  /** Those with the same payload and Python; the others wait for the next request. */
  async #changeSome(taken: readonly Waiting[]): Promise<void> {
    const [first] = taken as readonly [Waiting, ...Waiting[]]
    const alike = taken.filter(({ payload, python }) => payload === first.payload && python === first.python)
    this.#waiting.unshift(...taken.filter((each) => !alike.includes(each)))
    const signal = untilAll(alike.map((each) => each.signal))
    try {
      const calls = alike.map(({ call }) => call)
      const answers = await this.#request(calls, { ...first, signal }, true)
      for (const [at, each] of alike.entries()) {
        const answer = answers[at]
        if (answer === undefined) this.#waiting.unshift(each)
        else each.resolve(answer)
      }
    } catch (thrown) {
      for (const each of alike) each.reject(asFettleError(thrown, "ANSIBLE_FAILED"))
    }
  }

  /** At least one answer; those that are missing at the end were not begun. */
  async #request(
    calls: readonly ModuleCall[],
    { payload, python, signal }: Pick<Waiting, "payload" | "python" | "signal">,
    writes: boolean,
  ): Promise<readonly ModuleAnswer[]> {
    const token = `${this.#nonce}${payload.hash.slice(0, 16)}`
    const key = `${token} ${python}`
    for (const zip of this.#sent.has(key) ? [Buffer.alloc(0), payload.zip] : [payload.zip]) {
      const timeoutMs = calls.reduce((all, { timeoutS }) => all + timeoutS * 1_000, MARGIN_MS)
      const head = JSON.stringify({ token, zip: zip.length, python: payload.python })
      const script = Buffer.from(TARGET)
      const ended = await this.#client.run({
        argv: ["sh", "-c", FIND, "fettle", python],
        input: Buffer.concat([
          Buffer.from(`${script.length}\n`),
          script,
          Buffer.from(`${head}\n`),
          zip,
          Buffer.from(JSON.stringify(calls)),
        ]),
        timeoutMs,
        writes,
        signal,
      })
      const told = toldBy(ended, python, payload)
      if (!("answers" in told)) continue
      this.#sent.add(key)
      if (told.answers.length > 0) return told.answers
    }
    throw new FettleError("HOST_PROTOCOL", "the warm Python gave no answer")
  }
}

function toldBy(
  { exitCode, stdout, stderr }: HostCommandEnd,
  python: string,
  { core, python: needs }: Payload,
): { readonly answers: readonly ModuleAnswer[] } | { readonly need: true } {
  if (exitCode === NO_PYTHON)
    throw pythonMissing(python === "" ? "the host has no python3" : `the host has no ${python}`)
  if (exitCode !== 0)
    throw new FettleError("ANSIBLE_FAILED", `Python on the host ended with exit code ${exitCode}`, {
      details: { stderr: stderr.slice(-2_000), notMade: false },
      cause: stderr.trim().split("\n").at(-1),
    })
  const told = JSON.parse(inflateSync(Buffer.from(stdout, "base64")).toString("utf8")) as
    | { readonly answers: readonly ModuleAnswer[] }
    | { readonly need: true }
    | { readonly old: string }
  if (!("old" in told)) return told
  throw pythonMissing(`the host has Python ${told.old}, and modules of ansible-core ${core} need ${needs.join(".")}`)
}

function pythonMissing(fact: string): FettleError {
  return new FettleError("ANSIBLE_PYTHON_MISSING", fact, { details: { notMade: true } })
}
