import { readFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, describe, expect, test } from "vitest"
import { z } from "zod"
import { hostKind } from "../../src/connect/host/kind.ts"
import { quote } from "../../src/connect/host/quote.ts"
import type { AnyProvider } from "../../src/provider.ts"
import { carrierFor, cleanUp, HostWorld, newFolder, node, shellsHere } from "./host-world.ts"

afterAll(cleanUp)

/** Asks with one script for all, and notes each time that it runs. */
function asking(kind: string, script: string): AnyProvider {
  return hostKind({
    kind,
    version: 1,
    about: "Asks.",
    props: z.object({ word: z.string() }),
    outputs: z.object({ said: z.string() }),
    id: (want) => want.word,
    question: ({ want }) => ({ shared: { script, words: [want?.word ?? ""] } }),
    answer: (_key, { shared }) => ({ outputs: { said: `${shared?.exitCode} ${shared?.out}` } }),
    plan: () => ({ action: "none" }),
    change: () => ({}),
    removal: () => ({}),
    result: () => ({ said: "" }),
  }) as AnyProvider
}

describe.each(shellsHere())("questions that share a script, through %s", (shell) => {
  test("it runs once, with the words of all, and answers each of them", async () => {
    const log = join(newFolder(), "log")
    const world = await HostWorld.open(carrierFor(shell, "shared"))
    const one = asking("test.one", `echo run >>${quote(log)}; for w; do printf '<%s>' "$w"; done; exit 3`)
    const other = asking("test.other", `cd /tmp; echo "$#"`)
    const odd = ["plain", "with space", "it's", "-e", "*", 'new\nline "$x"']
    const nodes = [
      ...odd.map((word, at) => node(one, `one${at}`, { word })),
      node(one, "again", { word: "plain" }),
      node(other, "other", { word: "w" }),
    ]
    const seen = await world.read(nodes)
    await world.close()
    const said = `3 ${odd.map((word) => `<${word}>`).join("")}`
    for (const address of [...odd.keys()].map((at) => `one${at}`).concat("again"))
      expect(seen.get(address)).toEqual({ outputs: { said } })
    expect(seen.get("other")).toEqual({ outputs: { said: "0 1\n" } })
    expect(readFileSync(log, "utf8")).toBe("run\n")
  })
})
