import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Writable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { contextTar, openContext } from "../../src/connect/docker/build-context.ts"
import { contextHash } from "../../src/connect/docker/context-hash.ts"
import { ignoreRules } from "../../src/connect/docker/ignore-rules.ts"
import type { Bench } from "../context.ts"
import { run, withFolder } from "../measure.ts"
import { tarFs } from "../peers/install.mjs"

const FILES = 20_000
const IGNORED = 30_000
const ROUNDS = 5

/**
 * Build contexts: 20,000 small files (51 MB) as a tar stream that is read and thrown away, beside tar-fs and GNU tar; the
 * same with 30,000 more that the ignore file leaves out; the hash of a build; and 100,000 paths judged by five patterns.
 */
export async function contextPart({ row, interleave }: Bench): Promise<void> {
  const peer = tarFs()
  const { default: tar } = await import(peer.module)
  await withFolder("context", async (folder) => {
    const plain = join(folder, "plain")
    fill(join(plain, "src"), FILES)
    writeFileSync(join(plain, "Dockerfile"), "FROM scratch\n")
    const ours = (): Promise<void> => drained(plain)
    const tarFsWay = (): Promise<void> => pipeline(tar.pack(plain), sink())
    const gnuTar = (): Promise<unknown> => run(["sh", "-c", `tar -C ${plain} -cf - . | cat >/dev/null`])
    const name = `tar of ${FILES.toLocaleString("en")} small files`
    for (const warm of [ours, tarFsWay, gnuTar]) await warm()
    row({
      name,
      unit: "ms",
      ...(await interleave(ROUNDS, { ours, other: tarFsWay })),
      otherName: peer.name,
      target: "ratio <= 0.2",
    })
    row({ name, unit: "ms", ...(await interleave(ROUNDS, { ours, other: gnuTar })), otherName: "GNU tar" })
    const hashed = (): Promise<unknown> => contextHash({ context: plain })
    row({
      name: "hash of the same build",
      unit: "ms",
      ...(await interleave(ROUNDS, { ours: hashed, other: gnuTar })),
      otherName: "GNU tar",
    })
    await ignoredPart(folder, { row, interleave }, tar, peer.name)
  })
  judgePart(row)
}

async function ignoredPart(
  folder: string,
  { row, interleave }: Pick<Bench, "row" | "interleave">,
  // biome-ignore lint/suspicious/noExplicitAny: the peer has no types of its own.
  tar: any,
  otherName: string,
): Promise<void> {
  const context = join(folder, "ignoring")
  fill(join(context, "src"), FILES)
  fill(join(context, "node_modules"), IGNORED)
  writeFileSync(join(context, "Dockerfile"), "FROM scratch\n")
  writeFileSync(join(context, ".dockerignore"), "node_modules\n")
  const ignore = (path: string): boolean => path.startsWith(join(context, "node_modules"))
  const sides = {
    ours: () => drained(context),
    other: () => pipeline(tar.pack(context, { ignore }), sink()),
  }
  row({
    name: `the same with ${IGNORED.toLocaleString("en")} ignored`,
    unit: "ms",
    ...(await interleave(3, sides)),
    otherName: `${otherName} + ignore`,
    target: "ratio <= 0.2",
  })
}

function judgePart(row: Bench["row"]): void {
  const rules = ignoreRules(["node_modules", "**/*.log", "dist/*", "!dist/keep*.txt", "**/coverage/**"])
  const paths = Array.from({ length: 100_000 }, (_, at) => `packages/part-${at % 97}/src/file-${at}.ts`)
  const begun = performance.now()
  for (const path of paths) rules.judge(path)
  row({ name: "100,000 paths by 5 patterns", unit: "ms", ours: performance.now() - begun, target: "ours <= 500" })
}

async function drained(context: string): Promise<void> {
  await pipeline(contextTar(await openContext(context)), sink())
}

function sink(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() })
}

/** Files of 1 to 4 KB, a hundred in a folder. */
function fill(folder: string, count: number): void {
  for (let at = 0; at < count; at += 1) {
    const into = join(folder, `part-${Math.floor(at / 100)}`)
    if (at % 100 === 0) mkdirSync(into, { recursive: true })
    writeFileSync(join(into, `file-${at}.js`), Buffer.alloc(1_000 + ((at * 7_919) % 3_100), at % 256))
  }
}
