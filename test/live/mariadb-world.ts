import { type Certificates, makeCertificates } from "../support/certificates.ts"
import { freePort } from "../support/free-port.ts"
import { need } from "../support/need.ts"
import type { DatabaseWorld, UrlParts } from "./database-world.ts"
import { ServerProcess } from "./server-process.ts"

export function canStartMariadb(): boolean {
  return need("mariadbd", { install: "apt-get install mariadb-server" })
}

/** A MariaDB of its own, with the users `app` and `tlsonly` and a database `shop`. */
export class MariadbWorld implements DatabaseWorld {
  readonly type = "mariadb"
  readonly server: ServerProcess
  readonly port: number
  readonly certificates: Certificates
  readonly socket: string

  private constructor(server: ServerProcess, port: number, socket: string) {
    this.server = server
    this.port = port
    this.socket = socket
    this.certificates = makeCertificates(server.folder)
  }

  static async start(enter: readonly string[] = [], socket?: string): Promise<MariadbWorld> {
    const server = new ServerProcess("mariadb", enter)
    const world = new MariadbWorld(server, await freePort(), socket ?? server.at("socket"))
    server.own()
    const data = `--datadir=${server.at("data")}`
    const install = ["--no-defaults", data, "--auth-root-authentication-method=normal", "--skip-test-db"]
    await server.run(["mariadb-install-db", ...install, "--innodb-log-file-size=8M"])
    const { caFile, certFile, keyFile } = world.certificates
    const settings = [
      "--bind-address=127.0.0.1",
      `--port=${world.port}`,
      `--socket=${world.socket}`,
      `--pid-file=${server.at("pid")}`,
      `--ssl-ca=${caFile}`,
      `--ssl-cert=${certFile}`,
      `--ssl-key=${keyFile}`,
      "--innodb-buffer-pool-size=16M",
      "--innodb-log-file-size=8M",
      "--innodb-flush-log-at-trx-commit=0",
      "--max-connections=30",
      `--general-log=1`,
      `--general-log-file=${server.at("general")}`,
    ]
    await server.start(["mariadbd", "--no-defaults", data, ...settings], () => world.admin("select 1", ""))
    await world.admin("create database shop character set utf8mb4", "")
    await world.admin(
      ["app", "tlsonly"]
        .flatMap((user) => [
          `create user ${user}@'%' identified by '${world.password}'`,
          `grant select, insert, update, delete, create, drop, alter, index, trigger, references on shop.* to ${user}@'%'`,
        ])
        .join(";"),
      "",
    )
    await world.admin("alter user tlsonly@'%' require ssl", "")
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
    return `mysql://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}${query}`
  }

  async admin(sql: string, database = "shop"): Promise<string> {
    const words = ["mariadb", "--no-defaults", "-S", this.socket, "-u", "root", "--default-character-set=utf8mb4"]
    return (await this.server.run([...words, "-BN", ...(database === "" ? [] : [database])], sql)).trim()
  }

  async make(sql: string): Promise<void> {
    await this.admin(sql)
  }

  stop(): Promise<void> {
    return this.server.stop()
  }
}
