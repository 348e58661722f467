import type { Certificates } from "../support/certificates.ts"
import type { ServerProcess } from "./server-process.ts"

export interface UrlParts {
  readonly user?: string
  readonly password?: string
  readonly database?: string
  /** With its question mark. */
  readonly query?: string
  readonly port?: number
}

/** A real database server of a test's own. */
export interface DatabaseWorld {
  readonly type: "postgres" | "mariadb"
  readonly server: ServerProcess
  readonly port: number
  readonly certificates: Certificates
  readonly password: string
  url(parts?: UrlParts): string
  /** Runs statements as its administrator and gives what they print. */
  admin(sql: string, database?: string): Promise<string>
  /** Runs statements that make something which the application's user owns. */
  make(sql: string): Promise<void>
  stop(): Promise<void>
}
