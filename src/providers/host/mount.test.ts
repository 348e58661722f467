import { expect, test } from "vitest"
import { hostKindOf } from "../../connect/host/kind.ts"
import type { Address } from "../../program/address.ts"
import { mount } from "./mount.ts"

const kind = hostKindOf(mount)
const want = (props: object = {}) => mount.props.parse({ path: "/srv/a b", source: "/dev/x", type: "ext4", ...props })
const ENTRY = "/dev/x /srv/a\\040b ext4 defaults 0 0"
const read = (fstab: string, mounts: string, exitCode = 0) =>
  kind?.answer(
    { address: "m" as Address, want: want() },
    { shared: { exitCode, out: `${fstab}\n//\n${mounts}`, err: "" } } as never,
    String,
  )

test.each([
  ["nothing", "# /dev/x /srv/a\\040b ext4\n", "", { absent: true }],
  ["written", `${ENTRY}\n`, "", { outputs: { path: "/srv/a b", entry: ENTRY, mounted: false } }],
  [
    "mounted, with tabs",
    "/dev/x\t/srv/a\\040b  ext4",
    "/dev/x /srv/a\\040b ext4 rw 0 0",
    { outputs: { path: "/srv/a b", entry: "/dev/x /srv/a\\040b ext4", mounted: true } },
  ],
  ["mounted and not written is not ours", "", "/dev/x /srv/a\\040b ext4 rw 0 0", { absent: true }],
])("what is there: %s", (_what, fstab, mounts, seen) => {
  expect(read(fstab, mounts)).toEqual(seen)
})

test("what cannot be read is no absence", () => {
  expect(read("", "", 20)).toMatchObject({ failed: { code: "READ_FAILED" } })
})

test.each([
  ["short and whole are the same", "/dev/x /srv/a\\040b ext4", true, { action: "none" }],
  ["not mounted", ENTRY, false, { action: "update", props: ["mounted"], because: "it is not mounted" }],
  [
    "other options",
    ENTRY.replace("defaults", "ro"),
    true,
    {
      action: "update",
      props: ["options"],
      because: "its line of fstab differs",
      text: `-${ENTRY.replace("defaults", "ro")}\n+${ENTRY}`,
    },
  ],
])("what is planned: %s", (_what, entry, mounted, change) => {
  expect(mount.plan(want(), { outputs: { path: "/srv/a b", entry, mounted } }, undefined)).toEqual(change)
})

test.each([
  ["an option with a comma", { options: ["a,b"] }],
  ["an option with a space", { options: ["a b"] }],
  ["a comment as a source", { source: "#x" }],
  ["a type of two words", { type: "a b" }],
])("%s is refused", (_what, props) => {
  expect(mount.props.safeParse({ path: "/srv/a", source: "x", type: "y", ...props }).success).toBe(false)
})
