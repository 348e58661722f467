import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import { need } from "../../../test/support/need.ts"
import { firstFile } from "./trust.ts"

test.each([
  ["/x/kh sp /x/kh2", "/x/kh sp"],
  ['"/x/kh sp" /x/kh2', "/x/kh sp"],
  ['"/x/a \\"b\\" c" "/x/d"', '/x/a "b" c'],
  ["~/.ssh/known_hosts ~/.ssh/known_hosts2", "~/.ssh/known_hosts"],
  ["/x/a b c", "/x/a b c"],
  ["known here", "known"],
  ["none", "none"],
  ["", "/dev/null"],
])("of %s the first file is %s", (printed, file) => {
  expect(firstFile(printed)).toBe(file)
})

test.skipIf(!need("ssh", { install: "apt-get install openssh-client" }))(
  "a path with a space, as this ssh prints it",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "fettle-test-"))
    try {
      const config = join(folder, "config")
      writeFileSync(config, 'Host *\n  UserKnownHostsFile "/x/kh sp" /x/kh2\n')
      const out = execFileSync("ssh", ["-F", config, "-G", "web"], { encoding: "utf8" })
      expect(firstFile(/^userknownhostsfile (.*)$/m.exec(out)?.[1] ?? "")).toBe("/x/kh sp")
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
)
