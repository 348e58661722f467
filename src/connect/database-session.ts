import { causeText, FettleError } from "../errors.ts"

/** A cell as the outside gets it: whole numbers that a JavaScript number cannot hold stand as text, JSON as what it says. */
export type Cell = string | number | boolean | null | Uint8Array | object
export type Row = Readonly<Record<string, Cell>>
export type Param = string | number | bigint | boolean | null | Uint8Array

/** One open connection to a database server. */
export interface DatabaseSession {
  /** As in "PostgreSQL 15.18": known after the first transaction began. */
  readonly server: string
  /** Begins a transaction with limits that the server keeps. */
  begin(mode: "reads" | "writes", limits: Limits): Promise<void>
  rollback(): Promise<void>
  /**
   * One statement. Where `each` gives false no more is read, and the session is over: the server rolls back.
   * @throws DatabaseError
   */
  ask(text: string, params: readonly Param[], each: (row: Row) => boolean | undefined): Promise<void>
  end(): void
}

/** In milliseconds. */
export interface Limits {
  readonly statementMs: number
  readonly lockMs: number
}

/**
 * What a failure says of a database.
 *
 * - "no": it was asked, and is not as expected, or lets nobody in.
 * - "locked", "late": no, because somebody else held it, or because it took too long.
 * - "writes": a statement that was only to read would have written.
 * - "wrong": the question is wrong, or more is needed to ask it.
 */
export type Means = "no" | "locked" | "late" | "writes" | "wrong"

/** Why a database gave no answer. */
export class DatabaseError extends Error {
  readonly means: Means
  /** In its own words, which may hold anything. */
  readonly said: string | undefined
  /** SQLSTATE, of those that have it. */
  readonly state: string | undefined

  constructor(means: Means, fact: string, said?: string, state?: string) {
    super(fact)
    this.name = "DatabaseError"
    this.means = means
    this.said = said
    this.state = state
  }
}

/** Most bytes of one conversation, 64 MiB: an answer that a person or a pattern looks at is far smaller. */
export const ANSWER_BYTES_MAX = 64 * 1_048_576

/** Codes of Node's TLS for a certificate that is not taken. */
const CERTIFICATE =
  /CERT|ALTNAME|UNABLE_TO_(?:GET|VERIFY|DECRYPT)|SELF_SIGNED|certificate|does not match certificate|ERR_TLS/i

/** Whether an error says that a certificate is not taken. */
export function isCertificate(thrown: unknown): boolean {
  const { code, message } = (thrown ?? {}) as { readonly code?: unknown; readonly message?: unknown }
  return CERTIFICATE.test(String(code ?? "")) || CERTIFICATE.test(String(message ?? ""))
}

/** Of what a stream and a client say of one end, the one that tells why. */
export function nearest(broken: unknown, thrown: unknown): unknown {
  return broken instanceof DatabaseError ? broken : (thrown ?? broken)
}

/** What went wrong below the protocol: the network, TLS, the client itself. */
export function connectionError(thrown: unknown, verified: "said" | "unsaid" | undefined): DatabaseError | FettleError {
  if (thrown instanceof DatabaseError || thrown instanceof FettleError) return thrown
  const words = causeText(thrown).replace(/; if the root CA is .*/, "")
  const code = String((thrown as { code?: unknown } | undefined)?.code ?? "")
  if (verified !== undefined && isCertificate(thrown))
    return verified === "said"
      ? new DatabaseError("no", "its certificate is not taken", words)
      : new DatabaseError(
          "wrong",
          'its certificate is not taken, and the URL does not say whether it must be: give `tls` a ca, or verify: "none"',
          words,
        )
  if (/ECONNRESET|EPIPE|closed|terminated|lost|PREMATURE/i.test(`${code} ${words}`))
    return new DatabaseError("no", "it closed the connection")
  return new DatabaseError("no", "the conversation broke off", words)
}

/** Imports a client that is installed only where it is used. @throws FettleError `CLIENT_MISSING` */
export async function clientOf<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (thrown) {
    if ((thrown as { code?: unknown }).code !== "ERR_MODULE_NOT_FOUND") throw thrown
    throw new FettleError("CLIENT_MISSING", `the package ${name} is not installed`, { next: `npm install ${name}` })
  }
}

/** A decimal as a number, where that loses nothing of its value. */
export function exactNumber(text: string): number | string {
  const short = text.includes(".") ? text.replace(/\.?0+$/, "") : text
  return String(Number(text)) === short ? Number(text) : text
}
