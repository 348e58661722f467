import { expect, test } from "vitest"
import { factsIn } from "./facts.ts"

test.each([
  [
    "web\n6.1\nx86_64\n4\n2048\nID debian\nVERSION_ID 12\nPRETTY_NAME Debian 12 (x)\naddress 10.0.0.2\naddress 10.0.0.1\naddress 10.0.0.1\n",
    {
      os: "debian",
      osVersion: "12",
      osName: "Debian 12 (x)",
      cpus: 4,
      memoryBytes: 2_097_152,
      addresses: ["10.0.0.1", "10.0.0.2"],
    },
  ],
  ["web\n6.1\naarch64\n1\n0\n", { os: "", arch: "aarch64", addresses: [] }],
])("%j", (text, expected) => {
  expect(factsIn(text)?.outputs).toMatchObject({ hostname: "web", kernel: "6.1", ...expected })
})

test.each(["", "web\n6.1\nx86_64\nmany\n1\n", "sh: uname: not found\n"])("%j is no answer", (text) => {
  expect(factsIn(text)).toBeUndefined()
})
