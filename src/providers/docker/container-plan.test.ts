import { describe, expect, test } from "vitest"
import type { Json, Last, Seen } from "../../provider.ts"
import { Secret } from "../../secrets/secret.ts"
import type { ContainerJson } from "./container-json.ts"
import { containerOf } from "./container-json.ts"
import { planContainer } from "./container-plan.ts"
import { type ContainerOutputs, type ContainerProps, containerProps, startsFirst, waitsFor } from "./container-props.ts"
import { shownOf } from "./container-shown.ts"
import { fingerprintOf, sha256Of } from "./fingerprint.ts"

const ID = "a".repeat(64)
const [OLD, NEW] = [`sha256:${"1".repeat(64)}`, `sha256:${"2".repeat(64)}`]
const seal = (sha256: string): string => `fp:${sha256.slice(0, 8)}`

type Given = Partial<import("zod").input<typeof containerProps>>

function wanted(given: Given = {}): ContainerProps {
  return containerProps.parse({ name: "web", image: "shop/web:1", ...given })
}

function secret(value: string): Secret<string> {
  const made = new Secret<string>("TOKEN", { type: "value", value })
  Secret.remember(made, { value, fingerprint: seal(sha256Of(value)) })
  return made
}

/** The parts of an inspect that cases change. */
interface Parts {
  readonly Config: { readonly Env: string[] }
  readonly State: object
  readonly HostConfig: object
  readonly NetworkSettings: object
}

/** What the Engine shows of a container that was made from these props, with something else about it. */
function inspected(change: (json: Parts) => void = () => {}): ContainerJson {
  const json = {
    Id: ID,
    Name: "/web",
    Image: OLD,
    State: { Status: "running", Running: true, StartedAt: "2026-11-26T00:00:00Z" },
    Config: { Env: ["PATH=/bin"], Cmd: ["sh"], Image: "shop/web:1", Labels: {}, StopTimeout: 10, Hostname: "aaaa" },
    HostConfig: {
      NetworkMode: "default",
      RestartPolicy: { Name: "unless-stopped" },
      LogConfig: { Type: "json-file", Config: {} },
    },
    NetworkSettings: { Networks: { bridge: { Aliases: null } } },
  }
  change(json)
  return containerOf(json).json
}

function seen(
  json: ContainerJson,
  outputs: Partial<ContainerOutputs> = {},
  more: Record<string, Json> = {},
): Seen<ContainerOutputs> {
  const all: ContainerOutputs = {
    id: ID,
    name: "web",
    image: json.Image,
    running: json.State.Running,
    health: "none",
    startedAt: json.State.StartedAt,
    addresses: {},
    ports: [],
    startedWith: "",
    line: "line",
    versions: [],
    ...outputs,
  }
  const shown = { ...shownOf(json, { PLAIN: "x" }, seal), imageTag: json.Config.Image, imageWanted: OLD, ...more }
  return { outputs: all, id: ID, shown }
}

function recorded(given: Given, unfinished = false): Last<ContainerProps, ContainerOutputs> {
  return { props: wanted(given), outputs: (seen(inspected()) as { outputs: ContainerOutputs }).outputs, unfinished }
}

interface Case {
  readonly name: string
  readonly want?: Given
  readonly there?: (json: Parts) => void
  readonly outputs?: Partial<ContainerOutputs>
  readonly shown?: Record<string, Json>
  readonly last?: Given
  readonly says: string
  /** Of a replacement; create-first where it is not said. */
  readonly order?: string
}

const cases: readonly Case[] = [
  { name: "as wanted", says: "none" },
  {
    name: "its tag means another image",
    shown: { imageWanted: NEW },
    says: "replace image: image shop/web:1 is 222222222222 now, it runs 111111111111",
  },
  { name: "another tag of the same image", want: { image: "shop/web:2" }, says: "none" },
  {
    name: "another image",
    want: { image: "shop/web:2" },
    shown: { imageWanted: NEW },
    says: "replace image: image is shop/web:1, wanted shop/web:2",
  },
  { name: "what the image brings is not compared", there: (json) => json.Config.Env.push("LANG=C"), says: "none" },
  {
    name: "a variable moved",
    want: { env: { PLAIN: "x" } },
    there: (json) => json.Config.Env.push("PLAIN=y"),
    says: "replace env: env.PLAIN is another",
  },
  { name: "a variable is missing", want: { env: { PLAIN: "x" } }, says: "replace env: env.PLAIN is not set" },
  {
    name: "a variable left the program",
    last: { env: { PLAIN: "x" } },
    there: (json) => json.Config.Env.push("PLAIN=x"),
    says: "replace env: env.PLAIN has left the program",
  },
  {
    name: "a secret is the same",
    want: { env: { TOKEN: secret("very-secret") } },
    there: (json) => json.Config.Env.push("TOKEN=very-secret"),
    says: "none",
  },
  {
    name: "a secret moved, and nothing of it is told",
    want: { env: { TOKEN: secret("very-secret") } },
    there: (json) => json.Config.Env.push("TOKEN=an-older-secret"),
    says: "replace env: env.TOKEN is another",
  },
  {
    name: "it was stopped",
    there: (json) => Object.assign(json.State, { Running: false }),
    says: "update running: it is not running",
  },
  {
    name: "it is restarted over and over",
    outputs: { running: false },
    there: (json) => Object.assign(json.State, { Restarting: true }),
    says: "update running: it is not running",
  },
  { name: "it is to be stopped", want: { running: false }, says: "update running: it runs, and is to be stopped" },
  {
    name: "a limit moved",
    want: { memoryBytes: 64_000_000 },
    there: (json) => Object.assign(json.HostConfig, { Memory: 32_000_000 }),
    says: "update memoryBytes: memoryBytes is 32000000, wanted 64000000",
  },
  {
    name: "a limit left the program",
    last: { memoryBytes: 64_000_000 },
    there: (json) => Object.assign(json.HostConfig, { Memory: 64_000_000 }),
    says: "replace memoryBytes: memoryBytes is 64000000, and has left the program",
  },
  {
    name: "a limit that nobody asked for",
    there: (json) => Object.assign(json.HostConfig, { Memory: 64_000_000 }),
    says: "none",
  },
  {
    name: "processors",
    want: { cpus: 0.5 },
    there: (json) => Object.assign(json.HostConfig, { NanoCpus: 500_000_000 }),
    says: "none",
  },
  {
    name: "the restart policy moved",
    want: { restart: "no" },
    says: "update restart: restart is unless-stopped, wanted no",
  },
  { name: "another name", want: { name: "shop" }, says: "update name: name is web, wanted shop" },
  {
    name: "capabilities have no order, and two ways to write them",
    want: { capabilities: { drop: ["all"], add: ["chown", "NET_ADMIN"] } },
    there: (json) => Object.assign(json.HostConfig, { CapDrop: ["ALL"], CapAdd: ["CAP_NET_ADMIN", "CAP_CHOWN"] }),
    says: "none",
  },
  {
    name: "names of hosts are written in two ways",
    want: { extraHosts: { db: "10.0.0.5", six: "fd00::7" } },
    there: (json) => Object.assign(json.HostConfig, { ExtraHosts: ["six=[fd00::7]", "db:10.0.0.5"] }),
    says: "none",
  },
  {
    name: "a name of a host moved",
    want: { extraHosts: { db: "10.0.0.5" } },
    there: (json) => Object.assign(json.HostConfig, { ExtraHosts: ["db:10.0.0.6"] }),
    says: 'replace extraHosts: extraHosts is {"db":"10.0.0.6"}, wanted {"db":"10.0.0.5"}',
  },
  {
    name: "limits that the Engine gives to all are no news",
    want: { ulimits: { nofile: { soft: 10, hard: 20 } } },
    there: (json) =>
      Object.assign(json.HostConfig, {
        Ulimits: [
          { Name: "nofile", Soft: 10, Hard: 20 },
          { Name: "core", Soft: 0, Hard: 0 },
        ],
      }),
    says: "none",
  },
  {
    name: "a limit moved",
    want: { ulimits: { nofile: { soft: 10, hard: 20 } } },
    there: (json) => Object.assign(json.HostConfig, { Ulimits: [{ Name: "nofile", Soft: 10, Hard: 30 }] }),
    says: 'replace ulimits: ulimits.nofile is {"soft":10,"hard":30}, wanted {"soft":10,"hard":20}',
  },
  {
    name: "ports have no order",
    want: {
      ports: [
        { container: 80, host: 8080 },
        { container: 53, protocol: "udp" },
      ],
    },
    there: (json) =>
      Object.assign(json.HostConfig, {
        PortBindings: {
          "53/udp": [{ HostIp: "127.0.0.1", HostPort: "" }],
          "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "8080" }],
        },
      }),
    says: "none",
  },
  {
    name: "a port is open to all",
    want: { ports: [{ container: 80, host: 8080 }] },
    there: (json) =>
      Object.assign(json.HostConfig, { PortBindings: { "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "8080" }] } }),
    says: "replace ports: *",
    order: "stop-first",
  },
  {
    name: "a volume that was mounted the older way",
    want: { mounts: [{ type: "volume", source: "files", target: "/srv", readOnly: true }] },
    there: (json) => Object.assign(json.HostConfig, { Binds: ["files:/srv:ro"] }),
    says: "none",
  },
  {
    name: "networks are the same with its short id among the aliases",
    want: { networks: [{ name: "shop", aliases: ["web"] }] },
    there: (json) => Object.assign(json.NetworkSettings, { Networks: { shop: { Aliases: ["web", ID.slice(0, 12)] } } }),
    says: "none",
  },
  {
    name: "a network is missing",
    want: { networks: [{ name: "shop" }] },
    says: "update networks: networks is bridge, wanted shop",
  },
  {
    name: "no network is left by a call",
    want: { networks: [{ name: "shop" }] },
    there: (json) => Object.assign(json.NetworkSettings, { Networks: { none: {} } }),
    says: "replace networks: networks is none, wanted shop",
  },
  {
    name: "an alias moved",
    want: { networks: [{ name: "shop", aliases: ["web"] }] },
    there: (json) => Object.assign(json.NetworkSettings, { Networks: { shop: { Aliases: ["old"] } } }),
    says: "update networks: networks.shop has other aliases, or another address",
  },
  {
    name: "a health check",
    want: { healthcheck: { test: "true", intervalMs: 1_000 }, wait: "running" },
    there: (json) =>
      Object.assign(json.Config, {
        Healthcheck: { Test: ["CMD-SHELL", "true"], Interval: 1e9, Timeout: 30e9, Retries: 3 },
      }),
    says: "none",
  },
  {
    name: "it was started with something else",
    want: { restartOn: ["b"] },
    outputs: { startedWith: fingerprintOf(["a"]) },
    says: "update restartOn: it was started with something else: restart",
  },
  {
    name: "it is unhealthy",
    want: { wait: "healthy" },
    outputs: { health: "unhealthy" },
    says: "update wait: it is unhealthy, wanted healthy",
  },
  {
    name: "it is about to be healthy",
    want: { wait: "healthy" },
    outputs: { health: "starting" },
    last: { wait: "healthy" },
    says: "none",
  },
  {
    name: "a run was cut off before it was healthy",
    want: { wait: "healthy" },
    outputs: { health: "starting" },
    says: "update wait: it is starting, wanted healthy",
  },
  {
    name: "too many are kept",
    outputs: { versions: [{ id: "b", name: "web.fettle-b", image: OLD, createdAt: "" }] },
    says: "update keep: 1 are kept, wanted 0",
  },
]

describe("planContainer", () => {
  test.each(cases)("$name", ({ want = {}, there, outputs = {}, shown = {}, last, says, order = "create-first" }) => {
    const found = seen(inspected(there), outputs, shown)
    const change = planContainer(wanted(want), found, last === undefined ? undefined : recorded(last))
    const said = "props" in change ? `${change.action} ${change.props.join(",")}: ${change.because}` : change.action
    expect(said).toEqual(says.endsWith("*") ? expect.stringContaining(says.slice(0, -1)) : says)
    expect(JSON.stringify(change)).not.toMatch(/secret/)
    if (change.action === "replace") expect(change).toMatchObject({ order, exactly: [`the container ${ID}`] })
  })

  test("what is not there is made; what could not be read is left alone", () => {
    expect(planContainer(wanted(), { absent: true }, undefined)).toEqual({ action: "create" })
    expect(planContainer(wanted(), { failed: {} as never }, undefined)).toMatchObject({ action: "none" })
  })
})

test("shows no value of an environment that the program does not give in the open", () => {
  const json = inspected((each) => each.Config.Env.push("PLAIN=x", "PASSWORD=hunter2", "EMPTY"))
  expect(shownOf(json, { PLAIN: "x" }, seal).env).toEqual({
    PATH: seal(sha256Of("/bin")),
    PLAIN: "x",
    PASSWORD: seal(sha256Of("hunter2")),
    EMPTY: seal(sha256Of("")),
  })
})

test.each<[boolean, Given]>([
  [true, {}],
  [true, { ports: [{ container: 80 }], mounts: [{ type: "bind", source: "/a", target: "/a", readOnly: true }] }],
  [true, { mounts: [{ type: "tmpfs", target: "/tmp" }] }],
  [false, { ports: [{ container: 80, host: 80 }] }],
  [false, { networks: [{ name: "host" }] }],
  [false, { networks: [{ name: "shop", address: "10.0.0.2" }] }],
  [false, { mounts: [{ type: "volume", source: "db", target: "/db" }] }],
  [true, { mounts: [{ type: "volume", source: "db", target: "/db" }], replace: "start-first" }],
  [false, { replace: "stop-first" }],
])("starts the new one first: %s %j", (first, given) => {
  expect(startsFirst(wanted(given))).toBe(first)
})

test("waits for health where a check is given", () => {
  expect(waitsFor(wanted())).toBe("running")
  expect(waitsFor(wanted({ healthcheck: { test: "true" } }))).toBe("healthy")
  expect(waitsFor(wanted({ healthcheck: { test: "true" }, wait: "running" }))).toBe("running")
  expect(waitsFor(wanted({ healthcheck: false }))).toBe("running")
})

test.each<[string, Given]>([
  ["none goes with no other network", { networks: [{ name: "none" }, { name: "a" }] }],
  ["nothing is published in the network host", { networks: [{ name: "host" }], ports: [{ container: 1 }] }],
  ["one is named twice", { networks: [{ name: "a" }, { name: "a" }] }],
  ["without a health check", { healthcheck: false, wait: "healthy" }],
  ["counts whole seconds", { stopTimeoutMs: 1_500 }],
  ["a health check has a pace", { healthcheck: { test: "true", intervalMs: 0 } }],
  ["a health check has its time", { healthcheck: { test: "true", timeoutMs: 0 } }],
  ["dev.fettle.* are our marks", { labels: { "dev.fettle.token": "x" } }],
])("refuses: %s", (message, given) => {
  expect(() => wanted(given)).toThrow(message)
})

test("says that the old one is stopped first where both cannot run at once", () => {
  const there = seen(inspected())
  const change = planContainer(
    wanted({ image: "shop/web:1", privileged: true, replace: "stop-first" }),
    there,
    undefined,
  )
  expect(change).toMatchObject({ action: "replace", order: "stop-first" })
})
