import { FettleError } from "../../errors.ts"

/** What HAProxy says where it refuses, and what that is. */
const MEANINGS = [
  [/^Permission denied/i, "HAPROXY_LEVEL"],
  [/^Unknown command/i, "HAPROXY_LEVEL"],
  [/No such (backend|proxy)/i, "HAPROXY_NO_BACKEND"],
  [/dynamic load balancing/i, "HAPROXY_STATIC"],
  [/(out of memory|cannot allocate|too many servers|no free|maximum number)/i, "HAPROXY_FULL"],
] as const

/** Words that an error shows of HAProxy's own. */
const SHOWN_MAX = 400

/** A refusal of HAProxy, in its own words. Nothing was changed by the command that it refused. */
export function refusal(command: string, said: string, target: string): FettleError {
  const words = said.replaceAll(/\s+/g, " ").trim().slice(0, SHOWN_MAX)
  const code = MEANINGS.find(([pattern]) => pattern.test(words))?.[1] ?? "HAPROXY_REFUSED"
  return new FettleError(code, `${target}: ${command}: ${words}`, { details: { notMade: true } })
}
