import type { ModuleAnswer } from "../../connect/ansible/warm-python.ts"
import { FettleError } from "../../errors.ts"
import type { Json } from "../../provider.ts"

/** Keys of a result that say how it was come to, and not what it is. */
const ABOUT = new Set(["changed", "diff", "invocation", "warnings", "deprecations", "failed", "skipped", "exception"])

/** What a module said when it was asked and when it ran, in one of four words. */
export type Said =
  | { readonly says: "same" | "changed"; readonly result: Readonly<Record<string, Json>>; readonly text?: string }
  | { readonly says: "fails"; readonly error: FettleError }
  /** It cannot say beforehand. */
  | { readonly says: "unasked"; readonly why: string }

/** Reads one answer. Pure. */
export function saidBy(module: string, answer: ModuleAnswer): Said {
  const { result, text } = answer
  if (answer.late)
    return { says: "fails", error: new FettleError("TIMEOUT", `${module} did not end in time; it was ended`) }
  if (result === undefined) return { says: "fails", error: noResult(module, answer) }
  const words = wordsOf(result)
  if (result.failed === true || (typeof result.rc === "number" && result.rc !== 0 && result.failed !== false))
    return { says: "fails", error: failed(module, answer, words) }
  if (result.skipped === true) return { says: "unasked", why: unaskedWhy(module, words) }
  return {
    says: result.changed === true ? "changed" : "same",
    result: Object.fromEntries(
      Object.entries(result).filter(([key]) => !ABOUT.has(key) && !key.startsWith("_ansible")),
    ),
    ...(text === undefined ? {} : { text }),
  }
}

/** Its warnings, for the log. */
export function warningsOf({ result }: ModuleAnswer): readonly string[] {
  const { warnings } = result ?? {}
  return Array.isArray(warnings) ? warnings.map((each) => (typeof each === "string" ? each : JSON.stringify(each))) : []
}

function unaskedWhy(module: string, words: string): string {
  return /does not support check mode/.test(words)
    ? `${module} has no check mode`
    : `${module} cannot say beforehand what it would change`
}

function wordsOf(result: Readonly<Record<string, Json>>): string {
  const { msg } = result
  const text = typeof msg === "string" ? msg : msg === undefined ? "" : JSON.stringify(msg)
  return text.trim()
}

function failed(module: string, { result = {}, init, stderr }: ModuleAnswer, words: string): FettleError {
  const said = [result.stderr, result.module_stderr, stderr].find((each) => typeof each === "string" && each !== "")
  const tail = typeof said === "string" ? said.trim().slice(-2_000) : ""
  const fact = `${module}: ${words === "" ? "it failed without a word" : words.slice(0, 2_000)}`
  const rc = typeof result.rc === "number" ? { exitCode: result.rc } : {}
  if (!init)
    return new FettleError("ANSIBLE_ARGS", fact, {
      details: { notMade: true },
      next: `ansible-doc -t module ${module} lists them`,
    })
  return new FettleError("ANSIBLE_FAILED", fact, {
    details: { ...rc, tail },
    cause: tail.split("\n").at(-1) || undefined,
  })
}

function noResult(module: string, { exitCode, stderr, printed = "", init }: ModuleAnswer): FettleError {
  const last = stderr.trim().split("\n").at(-1)
  return new FettleError("ANSIBLE_FAILED", `${module} ended with exit code ${exitCode} and gave no result`, {
    details: { stderr, printed, notMade: !init },
    cause: last === "" ? undefined : last,
  })
}
