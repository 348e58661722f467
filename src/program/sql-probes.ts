import { FettleError } from "../errors.ts"
import type { Secret } from "../secrets/secret.ts"
import type { Probe } from "./check.ts"
import type { Input } from "./output.ts"
import { here } from "./place.ts"
import { type Expected, plain, probe, type Url } from "./probes.ts"

interface Server {
  /** Where the URL holds none. */
  readonly password?: Input<string | Secret<string>>
  /**
   * TLS, with a certificate that is trusted and names the server, whatever the URL says; false: none. Default: as the URL says, by
   * sslmode, ssl-mode or ssl. Certificates are always verified unless `verify: "none"` stands here.
   */
  readonly tls?: Input<
    | false
    | {
        /** Certificate authorities to trust in place of the system's, as PEM text. */
        readonly ca?: string
        /** "full" (default): trusted, and names the server. "ca": trusted. "none": anybody's. */
        readonly verify?: "full" | "ca" | "none"
        /** Our own certificate, and its key, as PEM text. */
        readonly cert?: string
        readonly key?: string | Secret<string>
        /** The name that the certificate must have. Default: the host of the URL. */
        readonly serverName?: string
      }
  >
}

/**
 * A database: `{ sqlite: path }`, `{ postgres: url }` (needs the package pg), or `{ mariadb: url }` for MariaDB and MySQL (needs the
 * package mysql2). A URL that holds a password is a secret.
 * @example { postgres: secret.env("DATABASE_URL") } · { mariadb: "mysql://app@db/shop", password: secret.env("DB_PASSWORD") }
 */
export type Database =
  | {
      /** Path of the database file; it must exist. */
      readonly sqlite: Input<string>
    }
  | ({ readonly postgres: Url } & Server)
  | ({ readonly mariadb: Url } & Server)

interface SqlOptions {
  /** How long to wait for a lock that somebody else holds, in milliseconds. Default 5,000. */
  readonly busyTimeoutMs?: number
  /** Until a server has let us in. Default 10,000. */
  readonly connectTimeoutMs?: number
  /** Default 60,000. */
  readonly timeoutMs?: number
}

/** What should have run: the files of a folder on this machine, or names. */
export type Migrated = ({ readonly folder: string } | { readonly names: readonly string[] }) & {
  /** Where it is recorded. Default: the table of fettle, Flyway, golang-migrate, dbmate, Rails, Knex, Prisma, Alembic or Django. */
  readonly table?: string
}

/** What a database says. With `{ on: host }` it is asked from there, with that host's network, sockets and names. */
export const sql = {
  /** Rows: by default at least one; `first` looks at columns of the first. @example sql.query({ sqlite: path }, "select count(*) as n from orders", { first: { n: { min: 1 } } }) */
  query: (
    database: Database,
    query: Input<string>,
    options: Input<
      SqlOptions & {
        readonly params?: readonly (string | number | null | Secret<string>)[]
        readonly rows?: Expected
        readonly first?: Readonly<Record<string, Expected>>
      }
    > = {},
  ): Probe => probe("sql", "sql.query", { ...plain(options), ...named(database, sql.query), query }, sql.query),
  /** Writes a row, reads it back, and rolls back, always. @example sql.writeAndReadBack({ sqlite: path }, { table: "orders", row: { id: -1, item: "probe" } }) */
  writeAndReadBack: (
    database: Database,
    write: Input<{ readonly table: string; readonly row: Readonly<Record<string, unknown>> }>,
    options: Input<SqlOptions> = {},
  ): Probe =>
    probe(
      "sql",
      "sql.writeAndReadBack",
      { ...plain(options), ...named(database, sql.writeAndReadBack), write },
      sql.writeAndReadBack,
    ),
  /** Every migration has run, none failed half-way. @example sql.migrated({ postgres: url }, { folder: "migrations" }) */
  migrated: (database: Database, migrated: Input<Migrated>, options: Input<SqlOptions> = {}): Probe =>
    probe("sql", "sql.migrated", { ...plain(options), ...named(database, sql.migrated), migrated }, sql.migrated),
} as const

/** @throws FettleError `PROPS_INVALID` for a password that stands in the program */
function named(database: Database, below: (...args: never[]) => unknown): Record<string, unknown> {
  const settings = plain(database)
  const bare = [settings.postgres, settings.mariadb, settings.password].find(
    (each, at) => typeof each === "string" && (at === 2 || /^[^/]*:\/\/[^/?#]*:[^/?#]+@|[?&]password=/i.test(each)),
  )
  if (bare === undefined) return settings
  throw new FettleError("PROPS_INVALID", "the password of a database stands in the program", {
    place: here(below),
    next: "give it as a secret: { postgres: secret.env(…) }, or password: secret.env(…)",
  })
}
