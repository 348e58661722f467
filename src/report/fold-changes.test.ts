import { expect, test } from "vitest"
import type { PlannedChange } from "../events/plan.ts"
import { foldChanges, starred } from "./fold-changes.ts"

const change = (host: string, more: Partial<PlannedChange> = {}): PlannedChange => ({
  address: `web/${host}/host.file[motd]`,
  type: "resource",
  kind: "host.file",
  action: "create",
  because: "not there",
  cause: "new",
  connection: host,
  id: "/etc/motd",
  ...more,
})

test.each([
  ["web/a/host.file[a]", "a", "web/*/host.file[a]"],
  ["a/host.file[x/y]", "a", "*/host.file[x/y]"],
  ["host.file[a]", "a", "host.file[a]"],
  ["web/a/host.file[a]", undefined, "web/a/host.file[a]"],
])("%s on %s is %s", (address, host, expected) => {
  expect(starred(address, host)).toBe(expected)
})

test("changes that differ only in their host are one", () => {
  const wants = (host: string) => [{ name: "path", to: `"/srv/${host}"` }]
  const all = ["web1", "web2", "web3", "web4"].map((host) => change(host, { wants: wants(host) }))
  const other = change("web5", { action: "update", because: "content", cause: "drift" })
  expect(foldChanges([...all, other]).map(({ address, because }) => `${address}: ${because}`)).toEqual([
    "web/*/host.file[motd]: on 4 hosts: web[1-4]",
    "web/web5/host.file[motd]: content",
  ])
})

test("two are two, and what differs is not folded", () => {
  const few = [change("a"), change("b")]
  expect(foldChanges(few)).toEqual(few)
  const differing = ["x", "y", "z"].map((host) => change(host, { because: `of ${host}` }))
  expect(foldChanges(differing)).toEqual(differing)
})
