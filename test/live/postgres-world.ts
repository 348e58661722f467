import { existsSync, readdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { type Certificates, makeCertificates } from "../support/certificates.ts"
import { freePort } from "../support/free-port.ts"
import { need } from "../support/need.ts"
import type { DatabaseWorld, UrlParts } from "./database-world.ts"
import { ServerProcess } from "./server-process.ts"

const LIB = "/usr/lib/postgresql"

/** Where the newest PostgreSQL of Debian is. */
function programs(): string | undefined {
  if (!existsSync(LIB)) return undefined
  const versions = readdirSync(LIB).toSorted((left, right) => Number(right) - Number(left))
  return versions.map((version) => join(LIB, version, "bin")).find((bin) => existsSync(join(bin, "initdb")))
}

export function canStartPostgres(): boolean {
  return need("PostgreSQL", { install: "apt-get install postgresql", found: () => programs() !== undefined })
}

/** Who may log in how; the first line that fits counts. */
const HBA = `
local    all all              trust
hostnossl all tlsonly 127.0.0.1/32 reject
hostssl  all all 127.0.0.1/32 scram-sha-256
host     all clear 127.0.0.1/32 password
host     all all 127.0.0.1/32 scram-sha-256
`

/** A PostgreSQL of its own, with the users `app` and `tlsonly` and a database `shop`. */
export class PostgresWorld implements DatabaseWorld {
  readonly type = "postgres"
  readonly server: ServerProcess
  readonly port: number
  readonly certificates: Certificates
  readonly socket: string

  private constructor(server: ServerProcess, port: number) {
    this.server = server
    this.port = port
    this.certificates = makeCertificates(server.folder)
    this.socket = server.folder
  }

  /** @param more settings of the server in the place of those that make tests fast */
  static async start(
    enter: readonly string[] = [],
    socket?: string,
    more: Readonly<Record<string, string>> = {},
  ): Promise<PostgresWorld> {
    const bin = programs() as string
    const server = new ServerProcess("postgres", enter)
    const world = new PostgresWorld(server, await freePort())
    server.own()
    await server.run([join(bin, "initdb"), "-D", server.at("data"), "-U", "admin", "-E", "UTF8", "--locale=C", "-N"])
    writeFileSync(server.at("data", "pg_hba.conf"), HBA)
    const { certFile, keyFile } = world.certificates
    const settings = {
      listen_addresses: "127.0.0.1",
      port: String(world.port),
      unix_socket_directories: socket === undefined ? server.folder : `${server.folder},${socket}`,
      fsync: "off",
      shared_buffers: "16MB",
      max_connections: "30",
      ssl: "on",
      ssl_cert_file: certFile,
      ssl_key_file: keyFile,
      log_statement: "all",
      ...more,
    }
    const given = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])
    await server.start([join(bin, "postgres"), "-D", server.at("data"), ...given], () =>
      world.admin("select 1", "postgres"),
    )
    await world.admin("create database shop", "postgres")
    for (const user of ["app", "tlsonly", "clear"])
      await world.admin(`create user ${user} password '${world.password}'; grant all on schema public to ${user}`)
    return world
  }

  /** It holds what stands in URLs in another way. */
  readonly password = "s3cr3t/p@ss wörd"

  url({
    user = "app",
    password = this.password,
    database = "shop",
    query = "",
    port = this.port,
  }: UrlParts = {}): string {
    return `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}${query}`
  }

  /** The same over its socket. */
  socketUrl(folder = this.socket): string {
    return `postgres://app@/shop?host=${encodeURIComponent(folder)}&port=${this.port}`
  }

  async admin(sql: string, database = "shop"): Promise<string> {
    const words = ["psql", "-h", this.server.folder, "-p", String(this.port), "-U", "admin", "-d", database]
    return (await this.server.run([...words, "-v", "ON_ERROR_STOP=1", "-qAtX"], sql)).trim()
  }

  /** As the application's own user makes it. */
  async make(sql: string): Promise<void> {
    await this.admin(`set role app; ${sql}`)
  }

  stop(): Promise<void> {
    return this.server.stop()
  }
}
