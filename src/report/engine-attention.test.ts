import { expect, test } from "vitest"
import type { ContainerFound, ContainerMore, EngineSurvey } from "../events/engine-survey.ts"
import { engineAttention } from "./engine-attention.ts"
import { engineLines } from "./engine-page.ts"

const AT = "2026-01-02T00:00:00.000Z"
const MORE: ContainerMore = {
  startedAt: "2026-01-01T00:00:00.000Z",
  finishedAt: "2026-01-01T12:00:00.000Z",
  exitCode: 0,
  outOfMemory: false,
  restarts: 0,
  restart: "no",
  privileged: false,
  root: false,
  holdsSocket: false,
}

function container(
  state: string,
  more: Partial<ContainerMore> = {},
  given: Partial<ContainerFound> = {},
): ContainerFound {
  const base = { id: "1", name: "web", image: "web:1", state, status: "", ports: [], hostNetwork: false }
  return { ...base, more: { ...MORE, ...more }, ...given }
}

function survey(parts: Partial<EngineSurvey>): EngineSurvey {
  const texts = {
    id: "1",
    name: "web1",
    version: "24",
    apiVersion: "1.43",
    os: "Debian",
    kernel: "6.1",
    architecture: "amd64",
  }
  const rest = {
    cpus: 2,
    memoryBytes: 1_024,
    storage: "overlay2",
    folder: "/var/lib/docker",
    logging: "json-file",
    runtime: "runc",
  }
  const flags = { rootless: false, userNamespaces: false, liveRestore: false, inSwarm: false, warnings: [] }
  return {
    target: "the Docker Engine",
    at: AT,
    tookMs: 1,
    calls: 9,
    engine: { ...texts, ...rest, ...flags },
    unseen: [],
    ...parts,
  }
}

test.each<[string, ContainerFound, string[]]>([
  ["running well", container("running"), []],
  ["restarting", container("restarting", { exitCode: 1 }), ["restarts in a loop: web (0 restarts, ended with 1)"]],
  [
    "started again a minute ago, for the fifth time",
    container("running", { restarts: 5, startedAt: "2026-01-01T23:59:00Z" }),
    ["restarts in a loop: web (5 restarts)"],
  ],
  ["restarted often, long ago", container("running", { restarts: 5 }), []],
  ["unhealthy", container("running", { health: "unhealthy" }), ["unhealthy: web"]],
  ["ended well", container("exited"), []],
  ["stopped by docker stop", container("exited", { exitCode: 143 }), []],
  ["runs again by now", container("restarting", { exitCode: 0 }), ["restarts in a loop: web (0 restarts)"]],
  ["ended badly", container("exited", { exitCode: 2 }), ["ended with an error: web (2)"]],
  [
    "killed for memory",
    container("exited", { exitCode: 137, outOfMemory: true }),
    ["ended for want of memory: web (137)"],
  ],
  ["stopped, but always", container("exited", { restart: "always" }), ["stopped, and is to run always: web (0)"]],
  ["privileged", container("running", { privileged: true }), ["privileged: as mighty as root of this machine: web"]],
  [
    "holding the socket",
    container("running", { holdsSocket: true }),
    ["holds the Engine's socket, and so all of this machine: web"],
  ],
])("a container that is %s", (_, found, texts) => {
  expect(engineAttention(survey({ containers: [found] })).map(({ text }) => text)).toEqual(texts)
})

test("a row says what a person wants to know, each open port once", () => {
  const ports = [
    { address: "127.0.0.1", host: 9_000, container: 9_000, protocol: "udp" },
    { address: "0.0.0.0", host: 8_080, container: 80, protocol: "tcp" },
    { address: "::", host: 8_080, container: 80, protocol: "tcp" },
  ]
  const found = container("running", { health: "healthy", restarts: 2, root: true }, { ports, project: "shop" })
  const lines = engineLines(survey({ containers: [found] }), { color: false, columns: 200, verbose: false })
  expect(lines.find((line) => line.includes("●"))?.trim()).toBe(
    "●  web  web:1  up 24 hours · healthy · 8080→80 everywhere · 9000/udp only here · 2 restarts · no memory limit · root · compose shop",
  )
})

test("no text of an Engine has an effect", () => {
  const evil = "\u001b[2J\u202e\rx\n"
  const found = { ...container("running"), name: evil, image: evil, project: evil, status: evil }
  const lines = engineLines(
    survey({
      target: evil,
      containers: [found],
      images: [{ id: evil, tags: [evil], sizeBytes: 1, used: false, owner: evil }],
      volumes: [{ name: evil, driver: evil, anonymous: false, used: false }],
      networks: [{ name: evil, driver: evil, internal: true, subnets: [evil], builtIn: false, containers: [evil] }],
      unseen: [{ part: evil, why: evil }],
    }),
    { color: false, columns: 100, verbose: true },
  )
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
  expect(lines.join("\n")).not.toMatch(/[\u001b\u202e\r]/)
})
