import { expect, test } from "vitest"
import { engineJson } from "../engine/engine-json.ts"
import { draftedEngine } from "./draft-engine.ts"
import { envHoldsSecret, lineHoldsSecret, variableName } from "./env-secrets.ts"
import type { EngineReading } from "./reading.ts"
import { unsupportedOf } from "./unsupported.ts"

const EVIL = '"); process.exit(1); ("\u2028\nprocess.exit(2) //`${process.exit(3)}`*/\u001b[2J'
const ID = "a".repeat(64)
const IMAGE = `sha256:${"1".repeat(64)}`

const info = engineJson.info.parse({ LoggingDriver: "json-file", DefaultRuntime: "runc", CgroupVersion: "2" })

/** As an inspect shows a container of which nothing is said. */
function container(name: string, more: { readonly [part: string]: object } = {}): object {
  return {
    Id: ID,
    Name: `/${name}`,
    Image: IMAGE,
    State: { Status: "running", Running: true, ...more.State },
    Config: { Hostname: ID.slice(0, 12), Env: ["PATH=/bin"], Cmd: ["sh"], Image: "app:1", Labels: {}, ...more.Config },
    HostConfig: {
      NetworkMode: "default",
      RestartPolicy: { Name: "unless-stopped", MaximumRetryCount: 0 },
      LogConfig: { Type: "json-file", Config: {} },
      ...more.HostConfig,
    },
    NetworkSettings: { Networks: { bridge: { Aliases: null } }, ...more.NetworkSettings },
    Mounts: [],
    ...more.Root,
  }
}

function reading(parts: Partial<EngineReading>): EngineReading {
  const image = { Id: IMAGE, RepoTags: ["app:1"], RepoDigests: ["app@sha256:2"] }
  const config = { Cmd: ["sh"], Entrypoint: undefined, Env: ["PATH=/bin"], Labels: {} }
  return {
    name: "web1",
    version: "24.0.7",
    info,
    containers: [],
    images: engineJson.images.parse([image]),
    configs: new Map([[IMAGE, config]]),
    networks: [],
    volumes: [],
    ...parts,
  }
}

const textOf = (parts: Partial<EngineReading>): string => draftedEngine(reading(parts), {}, new Date(0)).text

test("what is usual is not said", () => {
  const text = textOf({ containers: [container("web")] })
  expect(text).toContain('resource(docker.container, "web", { name: "web", image: app1Image.name }, adopt)')
  expect(text).toContain('const app1Image = resource(docker.image, { name: "app:1" }, adopt)')
  expect(text).not.toContain("Left out")
})

test("an image that no registry has is never pulled", () => {
  const images = engineJson.images.parse([{ Id: IMAGE, RepoTags: ["app:1", "<none>:<none>"] }])
  expect(textOf({ images })).toContain('resource(docker.image, { name: "app:1", pull: "never" }, adopt)')
})

test("what an Engine says is never code", () => {
  const labels = { [EVIL]: EVIL, "__proto__ x": "y" }
  const network = { Id: "n", Name: "net", Driver: EVIL, Labels: labels, Options: { [EVIL]: EVIL } }
  const { text } = draftedEngine(
    reading({
      name: EVIL,
      version: EVIL,
      containers: [
        container("evil", {
          Config: { Env: [`A=${EVIL}`, `${EVIL}=B`, `MY_KEY=x${EVIL}`], Labels: labels, User: EVIL },
        }),
        container(EVIL),
      ],
      networks: [network, { ...network, Name: EVIL }],
      volumes: [
        { Name: "files", Driver: EVIL, Labels: labels },
        { Name: EVIL, Driver: "local" },
      ],
    }),
    { host: EVIL, sshConfig: EVIL },
    new Date(0),
  )
  const body = text
    .replace(/^import .*$/gm, "")
    .replace("export default ", "return ")
    .replace(" as const", "")
  const made: unknown[][] = []
  const engines: unknown[] = []
  const docker = {
    ...{ container: "container", network: "network", volume: "volume", image: "image" },
    engine: (options: unknown) => engines.push(options),
  }
  const resource = (...all: unknown[]): object => {
    made.push(all)
    return { name: all.find((each): each is { name: string } => typeof each === "object")?.name }
  }
  const process = {
    exit: (): never => {
      throw new Error("it ran")
    },
  }
  const run = (_: unknown, build: () => void): void => build()
  const names = ["docker", "program", "resource", "on", "group", "secret", "process"] as const
  new Function(...names, body)(
    docker,
    (_name: string, _params: object, build: () => void) => build(),
    resource,
    run,
    run,
    { env: (name: string) => ({ env: name }) },
    process,
  )
  expect(engines).toEqual([{ host: EVIL, ssh: { config: EVIL } }])
  const props = made.map((all) => all.findLast((each, at) => typeof each === "object" && at < all.length - 1))
  expect(props).toContainEqual({ name: "net", driver: EVIL, labels, options: { [EVIL]: EVIL } })
  expect(props).toContainEqual({ name: "files", driver: EVIL, labels })
  expect(props.find((each) => (each as { name: string }).name === "evil")).toMatchObject({ user: EVIL, labels })
  expect(made).toHaveLength(4)
})

test.each<[string, { readonly [part: string]: object }, string]>([
  ["a terminal", { Config: { Tty: true } }, "--tty"],
  ["a server of names", { HostConfig: { Dns: ["10.0.0.1"] } }, "--dns"],
  ["another runtime", { HostConfig: { Runtime: "runsc" } }, "--runtime"],
  ["a swap limit", { HostConfig: { Memory: 100, MemorySwap: 300 } }, "--memory-swap"],
  ["the network of another", { HostConfig: { NetworkMode: "container:x" } }, "--network of another container"],
  ["an option of a bind", { HostConfig: { Binds: ["/a:/b:ro,z"] } }, "--volume with options"],
  ["a mode of a tmpfs", { HostConfig: { Tmpfs: { "/a": "size=1m,mode=1777" } } }, "--tmpfs with options"],
  ["a counted policy", { HostConfig: { RestartPolicy: { Name: "on-failure", MaximumRetryCount: 3 } } }, "--restart"],
])("what has %s is left out", (_, more, why) => {
  expect(unsupportedOf(container("web", more), info).join()).toContain(why)
  const text = textOf({ containers: [container("web", more)] })
  expect(text).toContain("//   container web has what docker.container does not know")
  expect(text).not.toContain('"web"')
})

test("names of hosts and limits are said", () => {
  const HostConfig = { ExtraHosts: ["a:1.2.3.4"], Ulimits: [{ Name: "nofile", Soft: 10, Hard: 20 }] }
  const text = textOf({ containers: [container("web", { HostConfig })] })
  expect(text).toMatch(/extraHosts: \{ a: "1\.2\.3\.4" \}/)
  expect(text).toMatch(/ulimits: \{ nofile: \{ soft: 10, hard: 20 \} \}/)
})

test("the plainest container has nothing that is not known", () => {
  const HostConfig = {
    CgroupnsMode: "private",
    IpcMode: "shareable",
    ShmSize: 67_108_864,
    Binds: ["a:/b:ro"],
    Runtime: "runc",
  }
  expect(unsupportedOf(container("web", { HostConfig }), info)).toEqual([])
})

test.each([
  ["DB_PASSWORD", "hunter2", true],
  ["API_KEY", "abc", true],
  ["KEYCLOAK_URL", "http://kc", false],
  ["GITHUB_TOKEN", "x", true],
  ["CLIENT_SECRET", "x", true],
  ["DATABASE_URL", "postgres://u:p@db/x", true],
  ["DATABASE_URL", "postgres://db/x", false],
  ["PASSWORD_FILE", "/run/secrets/x", false],
  ["USE_TOKEN", "true", false],
  ["PASSWORD", "", false],
  ["MODE", "fast", false],
  ["NOTE", "-----BEGIN RSA PRIVATE KEY-----", true],
])("%s=%s is a secret: %s", (name, value, is) => {
  expect(envHoldsSecret(name, value)).toBe(is)
})

test.each([
  ["redis-server --requirepass hunter2", true],
  ["redis-cli -a hunter2 ping", true],
  ["mysqladmin -uroot -phunter2 ping", true],
  ["server --token-file /run/token", false],
  ["server --port 80 --name shop", false],
  ["curl -u me:hunter2 http://x", true],
])("%s holds a secret: %s", (line, is) => {
  expect(lineHoldsSecret(line)).toBe(is)
})

test("a secret that is repeated elsewhere is not written there either", () => {
  const Config = { Env: ["TOKEN=hunter2hunter2", "ARGS=--x hunter2hunter2"], Labels: { note: "a hunter2hunter2" } }
  const text = textOf({ containers: [container("web", { Config })] })
  expect(text).toContain("//   container web a label of it holds what looks like a secret")
  const env = textOf({ containers: [container("web", { Config: { Env: Config.Env } })] })
  expect(env).toContain('env: { TOKEN: secret.env("WEB_TOKEN"), ARGS: secret.env("WEB_ARGS") }')
  expect(`${text}${env}`).not.toContain("hunter2")
})

test("what has just been started for the fourth time is left out, though it runs", () => {
  const more = { State: { StartedAt: "1969-12-31T23:59:50Z" }, Root: { RestartCount: 4 } }
  expect(textOf({ containers: [container("web", more)] })).toContain("//   container web restarts in a loop")
  const older = { ...more, State: { StartedAt: "1969-12-30T00:00:00Z" } }
  expect(textOf({ containers: [container("web", older)] })).toContain('"web"')
})

test("a plain word is no secret elsewhere", () => {
  const Config = { Env: ["POSTGRES_PASSWORD=postgres", "POSTGRES_USER=postgres"], Cmd: ["psql", "-U", "postgres"] }
  expect(textOf({ containers: [container("db", { Config })] })).toContain('POSTGRES_USER: "postgres"')
})

test("names of variables are told apart", () => {
  expect(variableName("1-a.b", "c", new Set())).toBe("X1_A_B_C")
  expect(variableName("a", "b", new Set(["A_B"]))).toBe("A_B_2")
})

test("networks and volumes of a project stand in its group, unless others use them", () => {
  const Labels = { "com.docker.compose.project": "shop" }
  const net = (name: string): object => ({ Id: name, Name: name, Driver: "bridge", Labels })
  const networks = { aa: { Aliases: ["web"] }, bb: { Aliases: null } }
  const text = textOf({
    networks: [net("aa"), net("bb")],
    containers: [
      container("web", {
        Config: { Labels },
        HostConfig: { NetworkMode: "bb" },
        NetworkSettings: { Networks: networks },
      }),
      container("other", {
        HostConfig: { NetworkMode: "bb" },
        NetworkSettings: { Networks: { bb: { Aliases: null } } },
      }),
    ],
  })
  const [outside = "", inside = ""] = text.split('group("shop", () => {')
  expect(outside).toContain("const bbNetwork = ")
  expect(inside).toContain("const aaNetwork = ")
  expect(inside).toContain('networks: [{ name: bbNetwork.name }, { name: aaNetwork.name, aliases: ["web"] }]')
})
