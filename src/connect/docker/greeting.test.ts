import { expect, test } from "vitest"
import { commonVersion, factsOf, refusePodman } from "./greeting.ts"

test.each([
  ["1.41", "1.12", "1.41"],
  ["1.43", "1.12", "1.43"],
  ["1.44", "1.24", "1.44"],
  ["1.51", "1.24", "1.44"],
  ["1.52", "1.44", "1.44"],
  ["2.1", undefined, "1.44"],
])("an Engine that speaks %s down to %s is spoken to with %s", (newest, oldest, wanted) => {
  expect(commonVersion(newest, oldest, "it")).toBe(wanted)
})

test.each([
  ["1.40", "1.12", "DOCKER_UNSUPPORTED"],
  ["1.60", "1.45", "DOCKER_UNSUPPORTED"],
  ["undefined", undefined, "DOCKER_PROTOCOL"],
  ["latest", undefined, "DOCKER_PROTOCOL"],
])("not one that speaks %s down to %s", (newest, oldest, code) => {
  expect(() => commonVersion(newest, oldest, "it")).toThrow(expect.objectContaining({ code }))
})

test("Podman is refused by its name", () => {
  expect(() => refusePodman({ "libpod-api-version": "4.3.1" }, "it")).toThrow("it is Podman 4.3.1, not a Docker Engine")
})

test("an Engine without an id is none", () => {
  const version = { Version: "20.10", Os: "linux", Arch: "amd64" }
  expect(() => factsOf({ ping: {}, version, info: {} }, "1.41", "it")).toThrow(
    expect.objectContaining({ code: "DOCKER_PROTOCOL" }),
  )
  expect(
    factsOf(
      { ping: { "builder-version": "2" }, version, info: { ID: "A:B", Swarm: { LocalNodeState: "active" } } },
      "1.41",
      "it",
    ),
  ).toMatchObject({ id: "A:B", builder: "2", isInSwarm: true })
})
