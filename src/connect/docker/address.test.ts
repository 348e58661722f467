import { expect, test } from "vitest"
import { addressOf } from "./address.ts"

test.each([
  ["unix:///var/run/docker.sock", { at: "unix", path: "/var/run/docker.sock" }],
  ["tcp://engine.test:2376", { at: "tcp", host: "engine.test", port: 2376 }],
  ["tcp://[fe80::1]:2375/", { at: "tcp", host: "fe80::1", port: 2375 }],
  ["tcp://engine.test", { at: "tcp", host: "engine.test", port: undefined }],
  ["ssh://op@web1", { at: "ssh", destination: "ssh://op@web1", path: undefined }],
  [
    "ssh://op@web1:2222/run/user/1000/docker.sock",
    { at: "ssh", destination: "ssh://op@web1:2222", path: "/run/user/1000/docker.sock" },
  ],
])("%s", (text, wanted) => {
  expect(addressOf(text, "host")).toEqual(wanted)
})

test.each([
  "/var/run/docker.sock",
  "unix://relative.sock",
  "npipe:////./pipe/docker_engine",
  "fd://",
  "tcp://",
  "tcp://user@engine.test:2376",
  "tcp://engine.test:2376/v1.41",
  "tcp://engine.test:99999",
  "ssh://op:a-password@web1",
  "ssh://web1/run/a:b",
  "ssh://web1?x=1",
  "",
])("not %s", (text) => {
  expect(() => addressOf(text, "DOCKER_HOST")).toThrow(
    expect.objectContaining({ code: "PROPS_INVALID", fact: expect.not.stringContaining("a-password") }),
  )
})
