import { expect, test } from "vitest"
import { containerOf } from "./container-json.ts"
import { healthcheckOf, securityOptions, shownOf } from "./container-shown.ts"

test("what a health check does not say is as the Engine has it", () => {
  expect(healthcheckOf({ Test: ["CMD-SHELL", "true"], Interval: 1_000_000_000, Retries: 0 })).toEqual({
    ...{ test: "true", intervalMs: 1_000, timeoutMs: 30_000, startPeriodMs: 0, retries: 3 },
  })
  expect(healthcheckOf({ Test: ["NONE"] })).toBe(false)
  expect(healthcheckOf({ Test: [] })).toBeUndefined()
})

test("what an Engine adds to a privileged container is no option of it", () => {
  expect(securityOptions(["label=disable", "no-new-privileges"], true)).toEqual(["no-new-privileges"])
  expect(securityOptions(["label=disable"], false)).toEqual(["label=disable"])
})

test.each<[string, number | undefined]>([
  ["", undefined],
  ["size=64m", 67_108_864],
  ["mode=1777,size=1000,noexec", 1_000],
  ["rw", undefined],
])("a tmpfs with %j is shown with %s bytes", (options, sizeBytes) => {
  const { json } = containerOf({
    ...{ Id: "a", Name: "/web", Image: "b", State: {}, Config: {}, NetworkSettings: {} },
    HostConfig: { Tmpfs: { "/run": options }, RestartPolicy: {}, LogConfig: {} },
  })
  const { mounts } = shownOf(json, {}, (text) => text)
  expect(mounts).toEqual([{ type: "tmpfs", target: "/run", ...(sizeBytes === undefined ? {} : { sizeBytes }) }])
})
