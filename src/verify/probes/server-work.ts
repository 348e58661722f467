import type { DatabaseSession, Limits } from "../../connect/database-session.ts"
import type { Far, Unwritable, Wrote } from "./sql-far.ts"

/** What differs between the servers. */
export interface ServerWork {
  quoted(name: string): string
  write(
    session: DatabaseSession,
    table: string,
    row: Parameters<Far["write"]>[1],
    limits: Limits,
  ): Promise<Wrote | Unwritable>
  columns(session: DatabaseSession, tables: readonly string[]): ReturnType<Far["columns"]>
}
