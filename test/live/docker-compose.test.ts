import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { type ComposeOptions, compose } from "../../src/compose/compose.ts"
import { envFile, interpolate } from "../../src/compose/compose-text.ts"
import { wordsOf } from "../../src/compose/compose-words.ts"
import { engine } from "../../src/connect/docker/engine.ts"
import type { FettleError } from "../../src/errors.ts"
import { type Program, program } from "../../src/program/program.ts"
import { secret } from "../../src/secrets/sources.ts"
import { changesOf, runsIn, testFolder } from "../support/runs.ts"
import { canStartEngines, DockerWorld, stopEngines } from "./docker-world.ts"

/** Three ports in a row below those that are given out, of this process. */
const PORTS = ((from: number) => `${from}-${from + 2}`)(20_000 + (process.pid % 3_000) * 3)

const folder = mkdtempSync(join(tmpdir(), "fettle-compose-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
function written(text: string): string {
  const path = join(folder, `compose-${++files}.yaml`)
  writeFileSync(path, text)
  return path
}

async function refusal(text: string, options: ComposeOptions = {}): Promise<string> {
  const path = written(text)
  const thrown = await compose(path, options).then(
    () => ({ fact: "it is taken" }),
    (error: FettleError) => error,
  )
  return thrown.fact.replace(/^compose-\d+\.yaml(?::\d+)?: /, "")
}

test("all that is not supported is told at once, with the lines where it stands", async () => {
  const text = `services:
  web:
    image: a
    devices: [/dev/x]
    isolation: process
    build: { context: ., ssh: [default] }
  db:
    image: b
    ports:
      - { target: 80, mode: ingress }
extensions: {}
`
  const path = written(text)
  const error = await compose(path).catch((thrown: FettleError) => thrown)
  const file = path.split("/").at(-1)
  expect((error as FettleError).fact.split("\n")).toEqual([
    `${file}:4: services.web.devices: is not supported`,
    `${file}:5: services.web.isolation: is not supported`,
    `${file}:6: services.web.build.ssh: is not supported`,
    `${file}:10: services.db.ports.0.mode: ${WRONG_MODE}`,
    `${file}:11: extensions: is not supported`,
  ])
})
const WRONG_MODE = 'Invalid input: expected "host"'

test("what begins with x- is for others where it is a field, and a name like any other where it is one", async () => {
  const text = "x-all: 1\nservices: { x-app: { image: a, x-team: us }, web: { image: a, labels: { x-keep: '1' } } }"
  expect((await compose(written(text))).services).toEqual(["x-app", "web"])
})

test.each([
  ["services: { web: { image: a, devices: [/dev/x] } }", "services.web.devices: is not supported"],
  [
    "services: { web: { image: a, build: { context: ., ssh: [default] } } }",
    "services.web.build.ssh: is not supported",
  ],
  ["services: { web: {} }", "services.web: it has neither image nor build"],
  [
    "services: { web: { image: a, ports: ['8000-8010:80'] } }",
    'services.web.ports.0: "8000-8010:80": both ranges must be of one length, at most 1000 ports',
  ],
  ["services: { web: { image: a, volumes: ['db:/srv'] } }", "services.web.volumes.0: db does not stand below volumes"],
  [
    "services: { web: { image: a, volumes: ['/srv'] } }",
    "services.web.volumes.0: a volume without a name is not supported: name it below volumes",
  ],
  ["services: { web: { image: a, networks: [b] } }", "services.web.networks.b: b does not stand below networks"],
  [
    "services: { web: { image: a, command: 'echo $$HOME' } }",
    'services.web.command: needs a shell: write a list, as in ["sh", "-c", "…"]',
  ],
  [
    "services: { web: { image: '$TAG' } }",
    "services.web.image: TAG is not set; give it in env, or in .env beside the file",
  ],
  [
    "services: { web: { image: 'a:${TAG?say which}' } }",
    "services.web.image: TAG is not set: say which; give it in env, or in .env beside the file",
  ],
  ["services: { web: { image: a, depends_on: [db] } }", "services.web.depends_on.db: there is no such service"],
  [
    "services: { web: { image: a, depends_on: { db: { condition: service_healthy } } }, db: { image: a } }",
    "services.web.depends_on.db.condition: db has no healthcheck in this file",
  ],
  [
    "services: { web: { image: a, depends_on: { db: { condition: service_completed_successfully } } }, db: { image: a } }",
    "services.web.depends_on.db.condition: is none of service_started, service_healthy: what is to complete is a task",
  ],
  [
    "services: { a: { image: a, depends_on: [b] }, b: { image: a, depends_on: [a] } }",
    "services.a.depends_on: goes in a circle: a → b → a",
  ],
  [
    "services: { web: { image: a, healthcheck: { interval: 5 minutes, test: x } } }",
    'services.web.healthcheck.interval: is no duration, as in "1m30s"',
  ],
  ["services: { web: { image: a, mem_limit: lots } }", 'services.web.mem_limit: is no size, as in "64m"'],
  [
    "secrets: { a: { file: b, external: true } }\nservices: { web: { image: a } }",
    "secrets.a.external: is not supported",
  ],
  [
    "secrets: { a: {} }\nservices: { web: { image: a } }",
    "secrets.a.file: is missing: only those from a file are supported",
  ],
  [
    "services: { web: { image: a, depends_on: [db] }, db: { image: b, profiles: [data] } }",
    "services.web.depends_on.db: none of its profiles is chosen",
  ],
  [
    "services: { web: { image: a, ports: ['9000-9002:80-81'] } }",
    'services.web.ports.0: "9000-9002:80-81": both ranges must be of one length, at most 1000 ports',
  ],
  ["services: { web: { image: a, secrets: [key] } }", "services.web.secrets.0: key does not stand below secrets"],
  [
    "services: { web: { image: a, container_name: b, scale: 2 } }",
    "services.web.container_name: goes with one replica alone",
  ],
])("%s", async (text, says) => {
  expect(await refusal(text)).toBe(says)
})

test("a secret can only be all of a value", async () => {
  const env = { KEY: secret.env("KEY") }
  expect(await refusal("services: { web: { image: a, environment: { URL: 'x$KEY' } } }", { env })).toBe(
    "services.web.environment.URL: the secret KEY can only be all of a value",
  )
  expect(await refusal("services: { web: { image: a, labels: { key: '$KEY' } } }", { env })).toBe(
    "services.web.labels.key: a label cannot be a secret",
  )
})

test.each([
  ["a$$b", "a$b"],
  ["$A-${A}", "1-1"],
  ["${E:-x}${E-x}", "x"],
  ["${N:-a ${A}}", "a 1"],
  ["${A:+yes}${N+no}", "yes"],
])("%s is %s", (text, is) => {
  expect(interpolate(text, { A: "1", E: "" }, "compose.yaml")).toBe(is)
})

test("reads an env_file", () => {
  const text = "# remark\nA=1\nexport B = two words # remark\nC='a # b'\nD=\"x\\ny\"\n\nE=\n"
  expect(envFile(text, () => new Error() as never)).toEqual({ A: "1", B: "two words", C: "a # b", D: "x\ny", E: "" })
})

test.each<[string, string[] | undefined]>([
  ["sleep 10", ["sleep", "10"]],
  [`sh -c 'echo "$HOME" | cat' x\\ y`, ["sh", "-c", 'echo "$HOME" | cat', "x y"]],
  [`a"b c"d ""`, ["ab cd", ""]],
  ["echo a | cat", undefined],
  ["echo $HOME", undefined],
  ["echo 'a", undefined],
])("the words of %s", (line, words) => {
  expect(wordsOf(line)).toEqual(words)
})

describe.skipIf(!canStartEngines())("a compose file on an Engine", () => {
  let world: DockerWorld
  beforeAll(async () => {
    world = await DockerWorld.start()
    world.image()
  }, 120_000)
  afterAll(() => stopEngines(), 60_000)

  test("its services run as it says, and the second apply has nothing to do", { timeout: 120_000 }, async () => {
    const at = join(folder, "shop")
    mkdirSync(join(at, "web"), { recursive: true })
    writeFileSync(join(at, "web", "Dockerfile"), "FROM base:1\nARG GREETING\nRUN echo $GREETING > /srv/greeting\n")
    writeFileSync(join(at, "db.env"), "MODE=fast\n")
    writeFileSync(join(at, ".env"), "GREETING=hello\n")
    writeFileSync(join(at, "token"), "a-token\n")
    writeFileSync(
      join(at, "compose.yaml"),
      `
x-notes: anything
services:
  web:
    build: { context: ./web, args: { GREETING: "$GREETING" } }
    command: sleep 1000
    stop_grace_period: 0s
    depends_on:
      db: { condition: service_healthy }
    deploy: { replicas: 2, resources: { limits: { memory: 64m, cpus: "0.5" } } }
  db:
    image: base:1
    pull_policy: never
    command: ["sleep", "1000"]
    stop_grace_period: 0s
    env_file: db.env
    environment: [ "PASSWORD=\${DB_PASSWORD}" ]
    volumes: [ "data:/data", "./db.env:/conf:ro" ]
    networks: { default: { aliases: [database] } }
    healthcheck: { test: "test -e /conf", interval: 200ms, retries: 50 }
    restart: unless-stopped
    labels: { x-keep: "1", plain: "2" }
    x-notes: { of: others }
    ports: [ "127.0.0.1:${PORTS}:7000-7002/udp" ]
    extra_hosts: [ "legacy:10.1.2.3", "six=[fd00::7]" ]
    ulimits: { nofile: { soft: 1234, hard: 4321 }, core: 0 }
    secrets: [ token, { source: token, target: other } ]
    configs: [ { source: conf, target: /etc/db.conf } ]
  debug: { image: base:1, profiles: [debug] }
volumes: { data: }
secrets: { token: { file: ./token } }
configs: { conf: { file: ./db.env } }
`,
    )
    const shop = await compose(join(at, "compose.yaml"), { env: { DB_PASSWORD: secret.env("DB_PASSWORD") } })
    expect(shop).toMatchObject({ project: "shop", services: ["web", "db"] })
    const it = (): Program =>
      program("composed", {}, () => {
        const nodes = shop.resources({ on: engine({ host: world.host, configFolder: "/nonexistent" }) })
        expect(Object.keys(nodes).sort()).toEqual(["db", "web"])
        expect(nodes.web).toHaveLength(2)
      })
    const runs = runsIn(testFolder(), { env: { DB_PASSWORD: "a-password-of-the-db" } })
    const made = await runs.apply(it(), { adopt: ["docker.image[db]"] })
    expect(made.applied?.outcomes.flatMap(({ error }) => (error === undefined ? [] : `${error.fact}`))).toEqual([])
    expect(changesOf(await runs.plan(it())).filter((line) => !line.startsWith("none"))).toEqual([])
    expect(world.docker("ps", "--format", "{{.Names}}").split("\n").sort()).toEqual([
      "shop-db-1",
      "shop-web-1",
      "shop-web-2",
    ])
    expect(world.docker("exec", "shop-web-2", "cat", "/srv/greeting")).toBe("hello")
    const format = '{{(index .NetworkSettings.Networks "shop_default").Aliases}}'
    expect(world.docker("inspect", "-f", format, "shop-db-1")).toMatch(/^\[db database /)
    expect(world.docker("inspect", "-f", '{{index .Config.Labels "x-keep"}}', "shop-db-1")).toBe("1")
    expect(world.docker("exec", "shop-db-1", "sh", "-c", "echo $MODE $PASSWORD; cat /conf")).toBe(
      "fast a-password-of-the-db\nMODE=fast",
    )
    expect(
      world.docker("exec", "shop-db-1", "sh", "-c", "cat /run/secrets/token /run/secrets/other /etc/db.conf"),
    ).toBe("a-token\na-token\nMODE=fast")
    expect(world.docker("exec", "shop-db-1", "sh", "-c", "cat /etc/hosts; ulimit -Sn; ulimit -Hn; ulimit -c")).toMatch(
      /10\.1\.2\.3\s+legacy[\s\S]*fd00::7\s+six[\s\S]*\n1234\n4321\n0$/,
    )
    const bound = "{{range $in, $out := .HostConfig.PortBindings}}{{$in}}={{(index $out 0).HostPort}} {{end}}"
    const [from = 0] = PORTS.split("-").map(Number)
    expect(world.docker("inspect", "-f", bound, "shop-db-1")).toBe(
      `7000/udp=${from} 7001/udp=${from + 1} 7002/udp=${from + 2}`,
    )
    const debugged = await compose(join(at, "compose.yaml"), { profiles: ["debug"], env: { DB_PASSWORD: "x" } })
    expect(debugged.services).toEqual(["web", "db", "debug"])
    const kept = await runs.apply(it(), { destroy: true })
    expect(
      kept.plan?.changes.flatMap(({ error, address }) => (error === undefined ? [] : `${error.code} ${address}`)),
    ).toEqual(["PROTECTED docker.volume[data]"])
    expect(world.docker("ps", "-aq")).toBe("")
  })
})
