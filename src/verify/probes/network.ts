import { causeText } from "../../errors.ts"
import { type Answer, inconclusive, no } from "../answer.ts"

/** Failures of this machine or of the question: they say nothing about the target. */
const OURS = new Set(["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "EADDRNOTAVAIL", "EACCES", "EPERM", "EAI_AGAIN"])

/** What the usual failures mean, in words. */
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "refused",
  ECONNRESET: "the connection was reset",
  EPIPE: "the connection was closed",
  ENOTFOUND: "there is no such host",
  EHOSTUNREACH: "the host cannot be reached",
  ENETUNREACH: "the network cannot be reached",
  ETIMEDOUT: "no answer",
  CERT_HAS_EXPIRED: "its certificate has expired",
  CERT_NOT_YET_VALID: "its certificate is not valid yet",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is signed by itself",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate chain ends in an authority that is not trusted",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate cannot be verified",
}

/** What a failed connection says: "no" of the target, or nothing where the failure is ours. */
export function networkAnswer(target: string, error: unknown): Answer {
  const code = codeOf(error)
  const words = WORDS[code] === undefined ? causeText(error) : `${WORDS[code]} (${code})`
  const ours = OURS.has(code) || code.startsWith("ERR_INVALID") || code === "ERR_UNESCAPED_CHARACTERS"
  return ours ? inconclusive(`${target} could not be asked: ${words}`) : no(`${target}: ${words}`)
}

/** The code of an error, or of the first of several attempts at several addresses. */
function codeOf(error: unknown): string {
  const { code, errors } = error as { code?: unknown; errors?: readonly unknown[] }
  if (typeof code === "string") return code
  return errors?.[0] === undefined ? "" : codeOf(errors[0])
}
