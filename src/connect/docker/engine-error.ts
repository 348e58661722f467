import { causeText, type ErrorCode, FettleError } from "../../errors.ts"
import type { ExchangeFailed } from "./exchange.ts"

/** Of what the Engine says, this much is shown. */
const SAID_CHARACTERS = 2_000

/** A call, for its errors. */
export interface CallName {
  readonly method: string
  /** Without version and query: a query may hold anything. */
  readonly path: string
  /** What people call the Engine. */
  readonly target: string
  readonly hide: (text: string) => string
}

/** The error of an answer that says no. */
export function refusal(call: CallName, status: number, body: string): FettleError {
  const said = call.hide(messageOf(body)).trim().slice(0, SAID_CHARACTERS)
  const details = { ...detailsOf(call), status, notMade: isRefusedUnseen(status) }
  return new FettleError("DOCKER_FAILED", `${nameOf(call)}: ${said === "" ? `status ${status}` : said}`, { details })
}

/** The error of a call without an answer. */
export function unanswered(call: CallName, failed: ExchangeFailed): FettleError {
  const { code } = (failed.cause ?? {}) as NodeJS.ErrnoException
  const details = { ...detailsOf(call), notMade: !failed.sent, unreachable: !failed.sent, ...(code && { code }) }
  const why = call.hide(causeText(failed.cause))
  if (failed.sent) return new FettleError("DOCKER_FAILED", `${nameOf(call)}: no answer came: ${why}`, { details })
  const next = nextStep(code)
  return new FettleError("CONNECTION_FAILED", `${call.target}: ${why}`, { details, ...(next && { next }) })
}

/** The error of an answer that broke off, or is not what the API says. */
export function broken(call: CallName, code: ErrorCode, fact: string, cause?: unknown): FettleError {
  return new FettleError(code, `${nameOf(call)}: ${fact}`, { cause, details: { ...detailsOf(call), notMade: false } })
}

/** The error of a call that took too long. */
export function tooLate(call: CallName, timeoutMs: number): FettleError {
  return new FettleError("TIMEOUT", `${nameOf(call)}: no answer within ${timeoutMs} ms`, {
    details: { ...detailsOf(call), timeoutMs, notMade: false },
  })
}

function nameOf({ method, path, target }: CallName): string {
  return `${target}: ${method} ${path}`
}

function detailsOf({ method, path }: CallName): { readonly method: string; readonly path: string } {
  return { method, path }
}

/** The Engine's words: `{"message": …}`, or whatever stands there. */
function messageOf(body: string): string {
  try {
    const { message } = JSON.parse(body) as { readonly message?: unknown }
    return typeof message === "string" ? message : body
  } catch {
    return body
  }
}

/** From 500 on the Engine may have begun; below it says that it did not. */
function isRefusedUnseen(status: number): boolean {
  return status >= 300 && status < 500 && status !== 408
}

function nextStep(code: string | undefined): string | undefined {
  if (code === "EACCES") return "let your user be one of the group docker, or run fettle as root"
  if (code === "ENOENT" || code === "ECONNREFUSED")
    return "see that the Engine runs there (systemctl status docker), or set host or DOCKER_HOST"
  if (code !== undefined && /CERT|^ERR_TLS|^ERR_SSL|SELF_SIGNED|UNABLE_TO_VERIFY/.test(code))
    return "check tls: the CA that the Engine's certificate is from, and your own certificate and key"
  return undefined
}
