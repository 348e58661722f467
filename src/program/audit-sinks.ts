import { FettleError } from "../errors.ts"
import { shown } from "../policies/given.ts"
import { didYouMean } from "../policies/nearest.ts"
import { Secret } from "../secrets/secret.ts"
import { isPlain } from "./output.ts"

interface Required {
  /** Nothing is changed while it does not take what it lacks. Default false. */
  readonly required?: boolean
}

/** Whom the record of who did what is sent to, besides where it is kept. */
export type AuditSink =
  /** A file of the machine that applies, relative to the program: a line of JSON for each entry, appended and synced. */
  | ({ readonly file: string } & Required)
  /** `udp://host:514`, `tcp://host:601`, or `unix:/dev/log`; RFC 5424. What goes by UDP is told by nobody to have arrived. */
  | ({ readonly syslog: string; readonly facility?: keyof typeof FACILITIES } & Required)
  /** Gets entries as JSON by POST, signed with the key. */
  | ({ readonly webhook: string | Secret<string>; readonly key: Secret<string> } & Required)

/** Numbers of RFC 5424. */
export const FACILITIES = {
  user: 1,
  daemon: 3,
  auth: 4,
  authpriv: 10,
  local0: 16,
  local1: 17,
  local2: 18,
  local3: 19,
  local4: 20,
  local5: 21,
  local6: 22,
  local7: 23,
} as const

/** Sinks for all stages, or by stage. */
export type AuditSinks = readonly AuditSink[] | Readonly<Record<string, readonly AuditSink[]>>

/** The sinks of one stage. */
export function sinksOf(given: AuditSinks | undefined, stage: string): readonly AuditSink[] {
  return (isList(given) ? given : given?.[stage]) ?? []
}

function isList(given: AuditSinks | undefined): given is readonly AuditSink[] {
  return Array.isArray(given)
}

/** @throws FettleError `PROPS_INVALID` */
export function checkSinks(program: string, given: unknown, stages: readonly string[]): void {
  if (!Array.isArray(given) && !isPlain(given))
    throw wrong(program, `audit must be a list of sinks, or one for each stage, not ${shown(given)}`)
  const lists: readonly (readonly [string, unknown])[] = Array.isArray(given) ? [["", given]] : Object.entries(given)
  for (const [stage, list] of lists) {
    if (stage !== "" && !stages.includes(stage))
      throw wrong(program, `audit names ${stage}, which is no stage${didYouMean(stage, stages)}`)
    if (!Array.isArray(list)) throw wrong(program, `audit of ${stage} must be a list of sinks, not ${shown(list)}`)
    for (const [at, sink] of list.entries()) {
      const fault = faultOf(sink)
      if (fault !== undefined)
        throw wrong(program, `sink ${at + 1} of audit${stage === "" ? "" : ` (${stage})`}: ${fault}`)
    }
  }
}

const KEYS = { file: [], syslog: ["facility"], webhook: ["key"] } as const

function faultOf(sink: unknown): string | undefined {
  if (!isPlain(sink)) return `it must be an object, not ${shown(sink)}`
  const types = (["file", "syslog", "webhook"] as const).filter((type) => type in sink)
  const [type, other] = types
  if (type === undefined || other !== undefined) return "it has one of file, syslog and webhook"
  const known: readonly string[] = [type, "required", ...KEYS[type]]
  const unknown = Object.keys(sink).find((key) => !known.includes(key))
  if (unknown !== undefined) return `there is no option ${unknown}${didYouMean(unknown, known)}`
  if (sink.required !== undefined && typeof sink.required !== "boolean") return "required must be true or false"
  return { file: faultOfFile, syslog: faultOfSyslog, webhook: faultOfWebhook }[type](sink)
}

function faultOfFile({ file }: Record<string, unknown>): string | undefined {
  return typeof file === "string" && file !== "" && !file.includes("\0") ? undefined : `file must be a path`
}

/** `udp://host:port`, `tcp://host:port`, `unix:/path`. */
export const SYSLOG = /^(?:(udp|tcp):\/\/([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?|unix:(\/[^\0\r\n]+))$/

function faultOfSyslog({ syslog, facility = "auth", required }: Record<string, unknown>): string | undefined {
  if (typeof syslog !== "string" || !SYSLOG.test(syslog))
    return `syslog must be udp://host:514, tcp://host:601 or unix:/dev/log, not ${shown(syslog)}`
  if (typeof facility !== "string" || !Object.hasOwn(FACILITIES, facility))
    return `facility is one of ${Object.keys(FACILITIES).join(", ")}, not ${shown(facility)}`
  return required === true && syslog.startsWith("udp:")
    ? "what goes by UDP is told by nobody to have arrived, so it cannot be required: use tcp://"
    : undefined
}

function faultOfWebhook({ webhook, key }: Record<string, unknown>): string | undefined {
  if (!(key instanceof Secret)) return 'key must be a secret, as in secret.env("AUDIT_KEY"): entries are signed with it'
  if (webhook instanceof Secret) return undefined
  const url = typeof webhook === "string" ? URL.parse(webhook) : null
  if (url === null || !/^https?:$/.test(url.protocol))
    return "webhook must be an http or https URL, or a secret that is one"
  if (url.username !== "" || url.password !== "") return "a password stands in the webhook: make the whole URL a secret"
  return undefined
}

function wrong(program: string, fact: string): FettleError {
  return new FettleError("PROPS_INVALID", `program ${program}: ${fact}`)
}
