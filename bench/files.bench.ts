import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as host from "../src/host.ts"
import type { Address } from "../src/program/address.ts"
import type { ChangeItem, ChangeResult, Driver, Key, Seen, Write } from "../src/provider.ts"
import type { Bench } from "./context.ts"

const FILES = 1_000
/** Rounds; a first apply syncs 1,000 files and takes seconds on a slow disk. */
const ROUNDS = 5
const TARGET = "ratio <= 3"

interface File {
  readonly name: string
  readonly content: string
}

/**
 * 1,000 files of 1 KB on this machine: what the driver of `host.local()` takes for a first apply and for a plan that finds all as it
 * should be, beside a bare `sh` script that does the same as well as a script can. Both work on the same kind of folder on the same
 * disk in turn; starting Node and checking props are left out, starting the script's `sh` is not. Read, decide, change and read back are all ours;
 * the script does not read back what it wrote.
 */
export default async function bench({ row, interleave }: Bench): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "fettle-bench-files-"))
  const driver = await host
    .local()
    .open({ signal: new AbortController().signal, reveal: () => undefined as never, log: () => {} })
  try {
    const files = Array.from({ length: FILES }, (_, at) => ({
      name: `f${at}.conf`,
      content: `# file ${at}\n${`value = ${at}\n`.repeat(80)}`,
    }))
    let round = 0
    const first = await interleave(ROUNDS, {
      ours: () => applyFirst(driver, join(root, `ours-${round++}`), files),
      other: () => scriptFirst(join(root, `other-${round++}`), files),
    })
    row({
      name: "first apply of 1,000 files",
      unit: "ms",
      ...first,
      otherName: "sh: stat, write, sync, rename",
      target: TARGET,
    })
    const [ours, other] = [join(root, "ours"), join(root, "other")]
    await applyFirst(driver, ours, files)
    scriptFirst(other, files)
    const script = noopScript(other, files)
    const again = await interleave(4 * ROUNDS + 1, {
      ours: () => planNothing(driver, ours, files),
      other: () => timed(() => execFileSync("sh", [script])),
    })
    row({
      name: "plan of 1,000 files, nothing to do",
      unit: "ms",
      ...again,
      otherName: "sh: stat, hash, compare",
      target: TARGET,
    })
  } finally {
    await driver.close()
    rmSync(root, { recursive: true, force: true })
  }
}

function timed(work: () => void): number {
  const begun = performance.now()
  work()
  return performance.now() - begun
}

/** Reads, decides and changes; gives milliseconds. */
async function applyFirst(driver: Driver, folder: string, files: readonly File[]): Promise<number> {
  mkdirSync(folder)
  const keys = keysOf(folder, files)
  const begun = performance.now()
  const seen = await read(driver, keys)
  const items = keys.map((key) => itemOf(key, seen.get(key.address) as Seen<unknown>))
  let made = 0
  await driver.change(items, (_item: ChangeItem, result: ChangeResult) => {
    if ("outputs" in result) made += 1
  })
  const durationMs = performance.now() - begun
  const right = files.every(({ name, content }) => readFileSync(join(folder, name), "utf8") === content)
  if (made !== FILES || !right) throw new Error(`${made} of ${FILES} files were made`)
  return durationMs
}

async function planNothing(driver: Driver, folder: string, files: readonly File[]): Promise<number> {
  const keys = keysOf(folder, files)
  const begun = performance.now()
  const seen = await read(driver, keys)
  const same = keys.filter(
    (key) => host.file.plan(key.want as never, seen.get(key.address) as never, undefined).action === "none",
  ).length
  const durationMs = performance.now() - begun
  if (same !== FILES) throw new Error(`${same} of ${FILES} files were found as they should be`)
  return durationMs
}

function keysOf(folder: string, files: readonly File[]): readonly Key<unknown, unknown>[] {
  return files.map(({ name, content }) => {
    const path = join(folder, name)
    return { address: `host.file[${name}]` as Address, id: path, want: host.file.props.parse({ path, content }) }
  })
}

const UNUSED = {
  signal: new AbortController().signal,
  seal: (sha256: string) => sha256,
  secret: () => {
    throw new Error("no secrets here")
  },
}

function read(driver: Driver, keys: readonly Key<unknown, unknown>[]): Promise<ReadonlyMap<Address, Seen<unknown>>> {
  return driver.read(
    keys.map((key) => ({ provider: host.file, key })),
    UNUSED,
  )
}

function itemOf({ address, want }: Key<unknown, unknown>, seen: Seen<unknown>): ChangeItem {
  const intent = { token: address, repeated: false }
  const call = { ...UNUSED, address, intent, reveal: () => undefined as never, progress: async () => {}, log: () => {} }
  const change = host.file.plan(want as never, seen as never, undefined) as ChangeItem["change"]
  return {
    provider: host.file,
    address,
    action: "ensure",
    want,
    seen,
    change,
    intent,
    timeoutMs: 60_000,
    signal: UNUSED.signal,
    call: <C>(connection: C): Write<C> => ({ ...call, connection }),
  }
}

/** One `stat` for all, writes by builtins alone, one `sync` for all, one `mv` for all, one `sync` of the folder. */
function scriptFirst(folder: string, files: readonly File[]): number {
  mkdirSync(folder)
  const names = files.map(({ name }) => name).join(" ")
  const writes = files.map(({ name, content }) => `printf %s '${content}' >${name}\n`).join("")
  const script = `umask 022
cd ${folder} || exit 1
[ "$(stat -c %f ${names} 2>/dev/null | wc -l)" -eq 0 ] || exit 1
mkdir .stage && cd .stage || exit 1
${writes}sync -- ${names} && mv -f -t .. -- ${names} && cd .. && rmdir .stage && sync -- .\n`
  writeFileSync(`${folder}.sh`, script)
  const durationMs = timed(() => execFileSync("sh", [`${folder}.sh`]))
  if (readdirSync(folder).length !== FILES) throw new Error("the script did not make all files")
  return durationMs
}

/** One `stat` and one `sha256sum` for all, compared with what is wanted. */
function noopScript(folder: string, files: readonly File[]): string {
  const names = files.map(({ name }) => name).join(" ")
  const hashes = files.map(({ name, content }) => `${createHash("sha256").update(content).digest("hex")}  ${name}`)
  const modes = files.map(() => "644 0 0")
  writeFileSync(`${folder}.want`, `${[...modes, ...hashes].join("\n")}\n`)
  writeFileSync(
    `${folder}.noop.sh`,
    `cd ${folder} && { stat -c '%a %u %g' ${names}; sha256sum ${names}; } | sed 's/ [0-9]* [0-9]*$/ 0 0/' | cmp -s - ${folder}.want\n`,
  )
  return `${folder}.noop.sh`
}
