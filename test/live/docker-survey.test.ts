import { execFileSync } from "node:child_process"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { EngineSurvey } from "../../src/events/engine-survey.ts"
import { place } from "../cli/fettle.ts"
import { typeErrors } from "../support/type-errors.ts"
import { canStartEngines, DockerWorld, stopEngines } from "./docker-world.ts"

/** Begins and is a part of every value that is not to be written anywhere. */
const CANARY = "CANARYCANARY"
const EVIL = '\u001b[2J`${x}`*/ "); process.exit(3); ("\nnext \u202eline'

/** How differently people run containers: each is the arguments of `docker run -d`. */
const RUN: Readonly<Record<string, readonly string[]>> = {
  plain: ["base:1", "sleep", "1000"],
  limits: [
    ...["-p", "80", "-p", "127.0.0.1::81/udp", "--restart", "always", "-m", "64m", "--cpus", "0.5"],
    ...["--pids-limit", "50", "--health-cmd", "true", "--health-interval", "500ms", "base:1", "sleep", "1000"],
  ],
  secrets: [
    ...["-e", `DB_PASSWORD=${CANARY}1 with 'quotes' $HOME`, "-e", `DATABASE_URL=postgres://u:${CANARY}2@db/x`],
    ...[
      "-e",
      `API_TOKEN=${CANARY}3`,
      "-e",
      `CONFIG={"a":"${CANARY}3"}`,
      "-e",
      "MODE=fast",
      "-e",
      "PASSWORD_FILE=/run/x",
    ],
    ...["base:1", "sleep", "1000"],
  ],
  same: ["-e", `API_TOKEN=${CANARY}3`, "base:1", "sleep", "1000"],
  mounts: [
    ...["-v", "files:/files:ro", "-v", "/tmp:/host", "--tmpfs", "/a", "--tmpfs", "/b:size=64m"],
    ...["--mount", "type=tmpfs,target=/c,tmpfs-size=1000000", "--mount", "type=volume,source=files,target=/d"],
    ...["base:1", "sleep", "1000"],
  ],
  host: [
    ...["--network", "host", "--init", "--read-only", "--cap-drop", "ALL", "--cap-add", "NET_BIND_SERVICE"],
    ...["-u", "nobody", "-w", "/tmp", "base:1", "sleep", "1000"],
  ],
  alone: [
    ...["--network", "none", "--hostname", "odd", "--entrypoint", "sleep", "--stop-signal", "SIGINT"],
    ...["--stop-timeout", "3", "--security-opt", "no-new-privileges", "--log-driver", "none", "--no-healthcheck"],
    ...["--restart", "on-failure", "base:1", "1000"],
  ],
  ended: ["base:1", "sh", "-c", "exit 3"],
  hostile: ["-l", `note=${EVIL}`, "-e", `TEXT=${EVIL}`, "base:1", "sh", "-c", `: '${EVIL}'; sleep 1000`],
  app: ["app"],
  changed: ["-e", "MODE=other", "--entrypoint", "sh", "app", "-c", "sleep 1000"],
  old: ["moving:1", "sleep", "1000"],
  sick: [
    ...["--health-cmd", "false", "--health-interval", "200ms", "--health-retries", "1", "base:1"],
    ...["sleep", "1000"],
  ],
}

/** What cannot be a node, with what its comment says. */
const LEFT: Readonly<Record<string, readonly [words: readonly string[], why: string]>> = {
  passing: [["--rm", "base:1", "sleep", "1000"], "is removed when it ends (--rm)"],
  loop: [["--restart", "always", "base:1", "false"], "restarts in a loop"],
  device: [
    ["--device", "/dev/null", "-t", "--shm-size", "1m", "base:1", "sleep", "1000"],
    "--device, --tty, --shm-size",
  ],
  unnamed: [["-v", "/data", "base:1", "sleep", "1000"], "keeps /data on a volume without a name"],
  told: [["base:1", "sh", "-c", `: --password ${CANARY}4; sleep 1000`], "its command holds what looks like a secret"],
  others: [["-l", "dev.fettle.owner=other/prod", "-l", "dev.fettle.token=t", "base:1", "sleep", "1000"], "other/prod"],
}

const COMPOSE = ["--label", "com.docker.compose.project=shop", "--label", "com.docker.compose.version=2"]

function populate(world: DockerWorld): void {
  world.image()
  const build = (name: string, ...lines: readonly string[]): string =>
    world.dockerWith(["FROM base:1", ...lines, ""].join("\n"), "build", "-q", "-t", name, "-")
  build(
    "app:latest",
    "ENV MODE=fast A_KEY=of-the-image",
    "LABEL x=y",
    "VOLUME /data",
    "WORKDIR /srv",
    "USER nobody",
    "HEALTHCHECK --interval=1s CMD true",
    "STOPSIGNAL SIGQUIT",
    'CMD ["sleep", "1000"]',
  )
  build("moving:1", "ENV A=1")
  build("unused:1", "ENV A=2")
  world.docker("volume", "create", "--label", "of=me", "files")
  world.docker("volume", "create", ...COMPOSE, "shop_data")
  world.docker(
    "network",
    "create",
    "--subnet",
    `${world.subnet}.192/28`,
    "--internal",
    "--label",
    `note=${EVIL}`,
    "fixed",
  )
  world.docker("network", "create", ...COMPOSE, "shop_default")
  for (const [name, words] of Object.entries(RUN)) world.docker("run", "-d", "--name", name, ...words)
  for (const [name, [words]] of Object.entries(LEFT)) world.docker("run", "-d", "--name", name, ...words)
  build("moving:1", "ENV A=3")
  const address = `${world.subnet}.200`
  const joined = ["--network", "fixed", "--ip", address, "--network-alias", "foo"]
  world.docker("run", "-d", "--name", "joined", ...joined, "base:1", "sleep", "1000")
  world.docker("network", "connect", "shop_default", "joined")
  for (const number of [1, 2])
    world.docker(
      ...[
        "run",
        "-d",
        "--name",
        `shop_web_${number}`,
        ...COMPOSE,
        "-l",
        "com.docker.compose.service=web",
        "-l",
        "own=1",
      ],
      ...["--network", "shop_default", "--network-alias", "web", "-v", "shop_data:/data"],
      ...["-e", `SESSION_KEY=${CANARY}5`, "base:1", "sleep", "1000"],
    )
  world.docker("create", "--name", "mighty", "--privileged", "base:1", "sleep", "1000")
  world.docker("pause", "same")
}

describe.skipIf(!canStartEngines())("an Engine with containers of all sorts", () => {
  let world: DockerWorld
  beforeAll(async () => {
    world = await DockerWorld.start()
    populate(world)
    // A busy Engine takes its time: what is asked for below has to be so.
    const says = (format: string, name: string): string => world.docker("inspect", "-f", format, name).trim()
    while (Number(says("{{.RestartCount}}", "loop")) < 4) await sleep(100)
    while (says("{{.State.Health.Status}}", "sick") !== "unhealthy") await sleep(100)
  }, 600_000)
  afterAll(() => stopEngines(), 120_000)

  const facts = (): string => {
    const ids = world.docker("ps", "-aq", "--no-trunc").split("\n").sort()
    const format = "{{.Id}} {{.Name}} {{.State.StartedAt}} {{.State.Status}} {{json .Config}} {{json .HostConfig}}"
    const loops = /^\S+ \/loop /
    const containers = ids.map((id) => world.docker("inspect", "-f", format, id)).filter((line) => !loops.test(line))
    const rest = ["volume", "network", "image"].map((kind) => world.docker(kind, "ls", "-q").split("\n").sort().join())
    return [...containers, ...rest].join("\n")
  }

  test("a look tells what runs, what does not, and whose it is, and nothing is written", async () => {
    const at = place()
    const before = facts()
    const { stdout, code } = await at.fettle(["look", "--docker", "--host", world.host, "--json"])
    expect(code).toBe(0)
    expect(facts()).toBe(before)
    const found = JSON.parse(stdout) as EngineSurvey
    expect(found.unseen).toEqual([])
    const containers = found.containers ?? []
    expect(found.calls).toBe(9 + containers.length)
    const of = (name: string) => containers.find((each) => each.name === name)
    expect(of("limits")?.more).toMatchObject({ memoryBytes: 67_108_864, restart: "always", root: true, restarts: 0 })
    expect(of("limits")?.ports.map(({ address }) => address)).toContain("0.0.0.0")
    expect(of("plain")?.more).toMatchObject({ privileged: false, holdsSocket: false })
    expect(of("plain")?.more).not.toHaveProperty("memoryBytes")
    expect(of("host")).toMatchObject({ hostNetwork: true, more: { root: false } })
    expect(of("mighty")).toMatchObject({ state: "created", more: { privileged: true } })
    expect(of("ended")).toMatchObject({ state: "exited", more: { exitCode: 3 } })
    expect(of("others")).toMatchObject({ owner: "other/prod" })
    expect(of("shop_web_1")).toMatchObject({ project: "shop" })
    expect(found.images?.find(({ tags }) => tags.includes("unused:1"))).toMatchObject({ used: false })
    expect(found.volumes?.filter(({ anonymous }) => anonymous).length).toBeGreaterThan(1)
    expect(found.networks?.find(({ name }) => name === "shop_default")?.containers).toEqual([
      "joined",
      "shop_web_1",
      "shop_web_2",
    ])
    expect(found.use?.imagesBytes).toBeGreaterThan(0)
  })

  test("its page says first what wants attention, and shows no text of others as anything but text", async () => {
    const { stdout, stderr } = await place().fettle(["look", "--docker", "--verbose"], {
      env: { DOCKER_HOST: world.host },
    })
    expect(stderr).toBe("")
    expect(stdout).toMatch(/× restarts in a loop: loop \(\d+ restarts?(?:, ended with 1)?\)\n/)
    expect(stdout).toMatch(/× unhealthy: sick/)
    expect(stdout).toMatch(/! ended with an error: ended \(3\)/)
    expect(stdout).toMatch(/! privileged: .*: mighty/)
    expect(stdout).toMatch(/limits +base:1 +up .* everywhere .*at most 64 MB · root/)
    expect(stdout).toContain("1 made by Fettle · 2 by compose")
    expect(stdout).toContain("latest says not which")
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
    expect(stdout).not.toMatch(/[\u001b\u202e]/)
  })

  test("a draft plans nothing but adoption, stays so, and changes nothing on the Engine", {
    timeout: 600_000,
  }, async () => {
    const at = place()
    const before = facts()
    const drafted = await at.fettle(["draft", "--docker", "--host", world.host])
    expect(drafted.code).toBe(0)
    const text = drafted.stdout
    expect(text).not.toContain(CANARY)
    for (const [name, [, why]] of Object.entries(LEFT))
      expect(text).toMatch(new RegExp(`//   container ${name} .*${why.replace(/[()]/g, "\\$&")}`))
    expect(text).toContain("container same would be changed: it is paused")
    for (const name of Object.keys(RUN))
      if (name !== "same") expect(text).toContain(`resource(docker.container, "${name}"`)
    expect(text).toContain('group("shop", () => {')
    expect(text).toContain('secret.env("SECRETS_DB_PASSWORD")')
    expect(text).toContain("It runs an older image than moving:1 is now.")
    expect(text).not.toContain("of-the-image")
    at.write("fettle.ts", text)
    const env = given(text)
    const amount = [...text.matchAll(/resource\(/g)].length
    expect(amount).toBeGreaterThan(20)
    const planned = await at.fettle(["plan"], { env })
    expect(planned.text).toContain(`0 to change, ${amount} to adopt`)
    const applied = await at.fettle(["apply", "--yes"], { env })
    expect(applied).toMatchObject({ code: 0, text: expect.stringContaining(`${amount} adopted`) })
    expect(facts()).toBe(before)
    const again = await at.fettle(["plan", "--check"], { env })
    expect(again).toMatchObject({ code: 0, text: expect.stringContaining("Nothing to change") })
    expect(facts()).toBe(before)
    expect(typeErrors([text])).toBe("")
  })
})

/** The secrets, by the commands that the program's own comments name. */
function given(text: string): Record<string, string> {
  const lines = [...text.matchAll(/^\/\/ {3}(export (\w+)=.*)$/gm)]
  const script = `${lines.map(([, line]) => line).join("\n")}\nenv -0`
  const env = { PATH: process.env.PATH ?? "" }
  const all = execFileSync("sh", ["-c", script], { encoding: "utf8", env }).split("\0")
  const names = new Set(lines.map(([, , name]) => name))
  return Object.fromEntries(
    all.flatMap((line) => {
      const [name = "", ...value] = line.split("=")
      return names.has(name) ? [[name, value.join("=")]] : []
    }),
  )
}
