import { expect, test } from "vitest"
import { loginOf } from "./database-url.ts"

const postgres = (url: string, more = {}) => loginOf("postgres", { url, ...more })
const mariadb = (url: string, more = {}) => loginOf("mariadb", { url, ...more })

test("who, where and what, as applications write it", () => {
  expect(postgres("postgresql://app:p%40ss%2F@db.internal:6543/shop?application_name=x")).toMatchObject({
    to: { host: "db.internal", port: 6543 },
    user: "app",
    password: "p@ss/",
    database: "shop",
    tls: undefined,
    isPlain: false,
  })
  expect(postgres("postgres://app@[::1]/shop")).toMatchObject({ to: { host: "::1", port: 5432 }, password: undefined })
  expect(postgres("postgres://a:p@ss@db/shop")).toMatchObject({ password: "p@ss", to: { host: "db" } })
  expect(postgres("postgres://app@/shop?host=/run/postgresql")).toMatchObject({
    to: { path: "/run/postgresql/.s.PGSQL.5432" },
  })
  expect(postgres("postgres://app@%2Frun%2Fpg:6000/shop")).toMatchObject({ to: { path: "/run/pg/.s.PGSQL.6000" } })
  expect(postgres("postgres:///shop?user=app&host=db&password=x")).toMatchObject({
    to: { host: "db", port: 5432 },
    user: "app",
    password: "x",
  })
  expect(postgres("postgres://app@db/shop?schema=sales")).toMatchObject({ options: "-c search_path=sales" })
  expect(mariadb("mysql://app:x@db/shop")).toMatchObject({ to: { host: "db", port: 3306 }, database: "shop" })
  expect(mariadb("mariadb://app@localhost/shop?socket=/run/mysqld/mysqld.sock")).toMatchObject({
    to: { path: "/run/mysqld/mysqld.sock" },
  })
  expect(mariadb("mysql://app:x@db/shop", { password: "other" })).toMatchObject({ password: "other" })
})

test("TLS is verified in full unless the settings say otherwise", () => {
  const full = { tls: { verify: "full", serverName: "db" } }
  for (const query of [
    "sslmode=verify-full",
    "ssl=true",
    "sslmode=require",
    "SSLMODE=VERIFY_IDENTITY",
    "sslnegotiation=direct",
  ])
    expect(postgres(`postgres://a@db/s?${query}`), query).toMatchObject(full)
  for (const query of [
    "ssl-mode=REQUIRED",
    "sslMode=verify-full",
    "useSSL=true",
    'ssl={"rejectUnauthorized":true}',
    "sslaccept=strict",
  ])
    expect(mariadb(`mysql://a@db/s?${query}`), query).toMatchObject(full)
  expect(postgres("postgres://a@db/s?sslmode=require")).toMatchObject({ tls: { verified: "unsaid" } })
  expect(postgres("postgres://a@db/s?sslmode=verify-ca")).toMatchObject({ tls: { verify: "ca", verified: "said" } })
  expect(postgres("postgres://a@db/s", { tls: { ca: "PEM" } })).toMatchObject({ tls: { ca: "PEM", ...full.tls } })
  expect(postgres("postgres://a@db/s?sslmode=disable", { tls: {} })).toMatchObject(full)
  expect(postgres("postgres://a@db/s?sslmode=require", { tls: false })).toMatchObject({ tls: undefined, isPlain: true })
  expect(postgres("postgres://a@db/s?sslmode=disable")).toMatchObject({ tls: undefined, isPlain: true })
})

test("what is not understood is refused, in words without a piece of the URL", () => {
  const wrong: readonly [string, "postgres" | "mariadb"][] = [
    ["mysql://app:canary@db/s", "postgres"],
    ["postgres://app:canary@db/s", "mariadb"],
    ["postgres://app:canary@one:1,two:2/s", "postgres"],
    ["postgres://:canary@db/s", "postgres"],
    ["postgres://app:can/ary@db/s", "postgres"],
    ["postgres://app:canary%zz@db/s", "postgres"],
    ["canary", "postgres"],
    ["postgres://app:canary@db/s?sslmode=prefer", "postgres"],
    ["postgres://app:canary@db/s?sslmode=no-verify", "postgres"],
    ["postgres://app:canary@db/s?sslmode=canary", "postgres"],
    ["postgres://app:canary@db/s?sslrootcert=/canary.pem", "postgres"],
    ['mysql://app:canary@db/s?ssl={"rejectUnauthorized":false}', "mariadb"],
    ["mysql://app:canary@db/s?ssl=Amazon RDS", "mariadb"],
    ["mysql://app:canary@localhost/s?socket=/s&ssl=true", "mariadb"],
  ]
  for (const [url, type] of wrong) {
    const login = loginOf(type, { url })
    expect(login, url).toMatchObject({ wrong: expect.any(String) })
    expect(JSON.stringify(login), url).not.toContain("canary")
  }
})
