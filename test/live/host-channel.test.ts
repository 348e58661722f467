import { spawn } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeEach, describe, expect, test } from "vitest"
import { type Carrier, localCarrier } from "../../src/connect/host/carrier.ts"
import { Channel } from "../../src/connect/host/channel.ts"
import { HELLO } from "../../src/connect/host/shell.ts"
import * as host from "../../src/host.ts"
import { carrierFor, cleanUp, failures, HostWorld, newFolder, node, shellsHere } from "./host-world.ts"
import { script } from "./script-kind.ts"

afterAll(cleanUp)

let folder: string

beforeEach(() => {
  folder = newFolder()
})

/** An executable that stands where the shell should. */
function standIn(text: string): string {
  const path = join(folder, "shell")
  writeFileSync(path, `#!/bin/sh\n${text}`)
  chmodSync(path, 0o755)
  return path
}

describe.each(shellsHere())("a session with %s", (shell) => {
  const open = (scope = "channel"): Promise<HostWorld> => HostWorld.open(carrierFor(shell, scope))

  test("scripts are isolated: exit, cd, umask, traps and syntax errors stay where they are", async () => {
    const world = await open()
    const tricks = [
      "exit 7",
      "cd /nowhere; umask 000; exit 0",
      "trap 'echo gone' EXIT; set -e; false",
      "if then fi (",
      "kill -9 $$",
      "echo $(printf 'a\\nb')",
      "exec sh -c 'exit 9'",
      "X=1; D=; N=; C=; true",
    ]
    const nodes = tricks.flatMap((run, at) => [
      node(script, `brief${at}`, { id: `b${at}`, run: run.replace("$$", "$(sh -c 'echo $PPID')"), brief: true }),
      node(script, `slow${at}`, { id: `s${at}`, run }),
    ])
    const done = await world.apply(nodes)
    const ends = [...done.values()].map(({ result }) =>
      result !== undefined && "failed" in result ? result.failed.code : "well",
    )
    expect(ends).toEqual([
      "CHANGE_FAILED",
      "CHANGE_FAILED",
      "well",
      "well",
      "CHANGE_FAILED",
      "CHANGE_FAILED",
      "CHANGE_FAILED",
      "CHANGE_FAILED",
      "CHANGE_FAILED",
      "CHANGE_FAILED",
      "well",
      "well",
      "CHANGE_FAILED",
      "CHANGE_FAILED",
      "well",
      "well",
    ])
    expect(
      failures(await world.apply([node(host.file, "after", { path: join(folder, "after"), content: "x" })])),
    ).toEqual([])
    await world.close()
  })

  test("a question's script tells its exit code and what it wrote, and a failing one takes no other with it", async () => {
    const world = await open()
    const seen = await world.read([
      node(script, "a", { id: "a", run: "", read: "echo out; echo err >&2; exit 3" }),
      node(script, "b", { id: "b", run: "", read: "printf 'R x\\nE y\\n'" }),
      node(host.file, "f", { path: join(folder, "f") }),
    ])
    expect([...seen.values()]).toEqual([
      { outputs: { out: "3 out\nerr\n" } },
      { outputs: { out: "0 R x\nE y\n" } },
      { absent: true },
    ])
    await world.close()
  })

  test("its environment is clean and its own folder goes with it", async () => {
    const world = await open("clean")
    const done = await world.apply([node(script, "env", { id: "env", run: "env; echo; ls -ld $S/.." })])
    const result = done.get("env")?.result as unknown as { outputs: { out: string } } | undefined
    const [env, own = ""] = result?.outputs.out.split("\n\n") ?? []
    const names = (env ?? "").split("\n").map((line) => line.split("=")[0] as string)
    expect(names.filter((name) => !["PWD", "OLDPWD", "SHLVL", "_"].includes(name)).sort()).toEqual([
      "HOME",
      "LANG",
      "LC_ALL",
      "PATH",
      "S",
      "TMPDIR",
    ])
    expect(own).toMatch(/^drwx------/)
    await world.close()
    expect(readdirSync("/dev/shm").filter((name) => name.includes("-clean-"))).toEqual([])
  })

  test("a script that hangs is ended at its own limit; the others are not", async () => {
    const world = await open()
    const nodes = [
      node(script, "hangs", { id: "h", run: "trap '' TERM; while :; do sleep 0.1; done" }),
      node(script, "works", { id: "w", run: "echo fine" }),
    ]
    const done = await world.apply(nodes, { timeoutMs: 1_000 })
    expect(done.get("hangs")?.result).toMatchObject({ failed: { code: "TIMEOUT" }, maybe: true })
    expect(done.get("works")?.result).toEqual({ outputs: { out: "fine\n" } })
    await world.close()
  })

  test("an abort ends what runs, and the next request begins a new session", async () => {
    const world = await open()
    const changing = world.apply([
      node(script, "long", { id: "l", run: `echo begun >${folder}/begun; sleep 30; echo late >${folder}/late` }),
      node(script, "long2", { id: "l2", run: "sleep 30.25" }),
    ])
    await expect.poll(() => existsSync(join(folder, "begun"))).toBe(true)
    world.controller.abort()
    const done = await changing
    expect(done.get("long")?.result).toMatchObject({ failed: { code: "CANCELLED" }, maybe: true })
    expect(running("sleep\u000030.25")).toEqual([])
    await world.close()
  })

  test("when the shell is killed in the middle, what has no answer is perhaps done, and the next change cleans up", async () => {
    const names = (): string[] => readdirSync("/dev/shm").filter((name) => name.includes("-killed-"))
    const before = new Set(names()) // of a run of the tests that was killed itself
    const left = (): string[] => names().filter((name) => !before.has(name))
    const world = await open("killed")
    mkdirSync(join(folder, "in"))
    const nodes = [
      node(host.file, "f", { path: join(folder, "in/f"), content: "x" }),
      node(script, "kills", { id: "k", run: "r=${S%/*}; r=${r%-*}; r=${r%-*}; kill -9 ${r##*-}; sleep 5" }),
      node(script, "waits", { id: "w", run: `sleep 1; echo late >${folder}/late` }),
    ]
    const done = await world.apply(nodes)
    expect(done.get("f")?.result).toMatchObject({ outputs: { path: join(folder, "in/f") } })
    expect(done.get("waits")?.result).toMatchObject({ failed: { code: "CONNECTION_FAILED" }, maybe: true })
    await sleep(1_200)
    expect(existsSync(join(folder, "late"))).toBe(false)
    expect(left().length).toBeLessThanOrEqual(1) // any session on this host may have cleaned up already
    expect(failures(await world.apply([node(host.file, "g", { path: join(folder, "in/g"), content: "y" })]))).toEqual(
      [],
    )
    await world.close()
    expect(left()).toEqual([])
    expect(readdirSync(join(folder, "in"))).toEqual(["f", "g"])
  })

  test("many sessions of one scope do not disturb each other", async () => {
    const worlds = await Promise.all(Array.from({ length: 6 }, () => open("many")))
    const rounds = worlds.map(async (world, at) => {
      for (let round = 0; round < 5; round++)
        expect(
          failures(
            await world.apply([
              node(host.file, "f", { path: join(folder, `${at}-${round}`), content: `${at} ${round}` }),
              node(host.directory, "d", { path: join(folder, `d${at}-${round}`) }),
            ]),
          ),
        ).toEqual([])
      await world.close()
    })
    await Promise.all(rounds)
    expect(readdirSync(folder)).toHaveLength(60)
  })
})

describe("silence is not absence", () => {
  const nobody = process.getuid?.() === 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : []

  test("what may not be looked at is a failure, never absent", async () => {
    chmodSync(folder, 0o755)
    mkdirSync(join(folder, "closed/deep"), { recursive: true })
    writeFileSync(join(folder, "closed/file"), "x")
    writeFileSync(join(folder, "unreadable"), "x", { mode: 0o000 })
    chmodSync(join(folder, "closed"), 0o000)
    const world = await HostWorld.open({ scope: "nobody", shell: "sh", prefix: nobody })
    const paths = ["closed/file", "closed/none", "closed/deep/none", "unreadable", "none", "no/such/folder"]
    const seen = await world.read(paths.map((path) => node(host.file, path, { path: join(folder, path) })))
    const said = [...seen].map(([path, at]) => [path, "failed" in at ? at.failed.code : at])
    expect(said).toEqual([
      ["closed/file", "READ_FAILED"],
      ["closed/none", "READ_FAILED"],
      ["closed/deep/none", "READ_FAILED"],
      ["unreadable", "READ_FAILED"],
      ["none", { absent: true }],
      ["no/such/folder", { absent: true }],
    ])
    expect((seen.get("closed/none") as { failed: { fact: string } }).failed.fact).toContain("Permission denied")
    const done = await world.change(
      [node(host.file, "x", { path: join(folder, "x"), content: "x" })],
      new Map([["x", { absent: true }]]),
    )
    expect(failures(done)[0]).toMatch(/FILE_REFUSED .*Permission denied/)
    await world.close()
    chmodSync(join(folder, "closed"), 0o700)
  })
})

describe("a host that does not keep to the protocol", () => {
  /** Reads the opening, greets, and answers the first request with `answer`, in which $n and $q are nonce and number. */
  const liar = (answer: string): string =>
    standIn(
      `read -r w n k l\ndd bs="$l" count=1 iflag=fullblock of=/dev/null 2>/dev/null\nprintf 'RDY1 %s 0 1 /tmp/x - - liar - ,stat,sha256sum,tar,mv,readlink\\n' "$n"\nread -r n q a b c\n${answer}\nsleep 5\n`,
    )

  test.each([
    ["garbage", "head -c 5000 /dev/urandom; echo"],
    ["another nonce", 'printf "E 0123 %s 0\\n" "$q"'],
    ["another request", 'printf "E %s 99 0\\n" "$n"'],
    ["a length beyond all bounds", 'printf "R %s %s 0 f 0 99999999999 0\\n" "$n" "$q"'],
    ["a length that is no number", 'printf "R %s %s 0 f 0 -1 0\\n" "$n" "$q"'],
    ["a line without end", "head -c 100000 /dev/zero | tr '\\0' x"],
    ["no answer at all to what was asked", 'printf "E %s %s 0\\n" "$n" "$q"'],
    ["more flags than paths", 'printf "R %s %s 0 f 0 3 0\\nFFFE %s %s 0\\n" "$n" "$q" "$n" "$q"'],
    ["answers without end", 'yes "R $n $q 0 f 0 0 0"'],
    ["an answer for what was not asked", 'printf "R %s %s 7 p 0 0 0\\nE %s %s 0\\n" "$n" "$q" "$n" "$q"'],
  ])("%s is HOST_PROTOCOL, not a guess", async (_what, answer) => {
    const world = await HostWorld.open({ scope: "liar", shell: liar(answer) })
    await expect(world.read([node(host.file, "f", { path: "/tmp/f" })])).rejects.toMatchObject({
      code: "HOST_PROTOCOL",
    })
    await world.close()
  })

  test.each([
    ["a name longer than names are", "0 1 /tmp/x - - $(head -c 900 /dev/zero | tr '\\0' x) - ,stat"],
    ["a machine id that is none", "0 1 /tmp/x $(printf 'a\\033[1m') - liar - ,stat"],
    ["a folder that is none", "0 1 x;id - - liar - ,stat"],
    ["notes that are none", "0 1 /tmp/x - - liar $(printf 'a;b') ,stat"],
    ["a user that is none", "root 1 /tmp/x - - liar - ,stat"],
    ["more words than there are", "0 1 /tmp/x - - liar - ,stat and more"],
  ])("a greeting with %s is HOST_PROTOCOL", async (_what, greeting) => {
    const shell = standIn(`read -r w n k l\necho "RDY1 $n ${greeting}"\nsleep 5\n`)
    await expect(HostWorld.open({ scope: "liar", shell })).rejects.toMatchObject({ code: "HOST_PROTOCOL" })
  })

  test("noise of a login shell before the session is no harm", async () => {
    const world = await HostWorld.open({
      scope: "noise",
      shell: standIn('printf "Welcome!\\nRDY1 fake\\n\\033[1mlast login\\033[0m\\n"; exec sh "$@"'),
    })
    expect([...(await world.read([node(host.file, "f", { path: join(folder, "none") })])).values()]).toEqual([
      { absent: true },
    ])
    await world.close()
  })

  test("a host that never begins, is not there, or lacks a tool, is told as that", async () => {
    await expect(HostWorld.open({ scope: "x", shell: join(folder, "no-such-shell") })).rejects.toMatchObject({
      code: "CONNECTION_FAILED",
    })
    await expect(HostWorld.open({ scope: "x", shell: standIn("echo no entry >&2; exit 5") })).rejects.toMatchObject({
      code: "CONNECTION_FAILED",
      fact: expect.stringContaining("exit code 5): no entry"),
    })
    await expect(
      HostWorld.open({
        scope: "x",
        shell: standIn('read -r w n k l; printf "ERR1 %s dd with iflag=fullblock\\n" "$n"; sleep 1'),
      }),
    ).rejects.toMatchObject({ code: "HOST_TOOLS" })
  })
})

test("a host that tells what it waits for is waited for; one that goes silent then is given up, as one that is left", async () => {
  const waits = (then: string): Carrier =>
    localCarrier({
      scope: "x",
      shell: standIn(
        `echo ${HELLO}; read -r w n k l; for i in 1 2 3 4 5 6 7 8; do echo "WAIT $n 7"; sleep 0.5; done; ${then}`,
      ),
    })
  const told: string[] = []
  const begin = (carrier: Carrier, signal = new AbortController().signal): Promise<Channel> =>
    Channel.open(carrier, { signal, timeoutMs: 2_000, log: (text) => told.push(text) })

  const channel = await begin(waits('echo "RDY1 $n 0 1 /x - - name - ,"; cat >/dev/null'))
  expect(told).toEqual([expect.stringMatching(/^waiting for .*the shell 7 of an earlier run still works there$/)])
  await channel.close()
  await expect(begin(waits("exec sleep 60"))).rejects.toMatchObject({
    code: "CONNECTION_FAILED",
    fact: expect.stringContaining("did not begin a session within 2 s: the shell 7 of an earlier run"),
  })
  const begun = Date.now()
  await expect(begin(waits("exec sleep 60"), AbortSignal.timeout(1_000))).rejects.toMatchObject({ code: "CANCELLED" })
  expect(Date.now() - begun).toBeLessThan(3_000)
})

test("a client that is killed leaves no half work: the wave ends, and the next session waits for it", async () => {
  const program = `
    import { HostWorld, node } from ${JSON.stringify(new URL("./host-world.ts", import.meta.url).href)}
    import * as host from ${JSON.stringify(new URL("../../src/host.ts", import.meta.url).href)}
    const world = await HostWorld.open({ scope: "orphan", shell: "sh" })
    const run = node(host.process, "p", { command: ["sleep", "1000.75"], directory: ${JSON.stringify(join(folder, "run"))}, readyAfterMs: 2000 })
    await world.apply([run])`
  const client = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: "inherit" })
  await expect.poll(() => existsSync(join(folder, "run/child")), { timeout: 15_000 }).toBe(true)
  client.kill("SIGKILL")
  await sleep(50)
  const begun = Date.now()
  const world = await HostWorld.open({ scope: "orphan", shell: "sh" })
  expect(Date.now() - begun).toBeGreaterThan(500)
  const run = node(host.process, "p", {
    command: ["sleep", "1000.75"],
    directory: join(folder, "run"),
    readyAfterMs: 2000,
  })
  expect((await world.apply([run])).get("p")?.change).toEqual({ action: "none" })
  expect(running("sleep\u00001000.75")).toHaveLength(1)
  await world.change(
    [{ provider: run.provider, address: "p", last: { props: run.want, outputs: { directory: join(folder, "run") } } }],
    new Map([["p", { outputs: { directory: join(folder, "run") } }]]),
  )
  expect(running("sleep\u00001000.75")).toEqual([])
  await world.close()
})

/** As `nsenter` and `docker exec` start it: its process group is one that its own /proc does not know. */
test.skipIf(process.getuid?.() !== 0)("a session in a namespace of processes names its own process", async () => {
  const { scope, prefix = [], ...more } = carrierFor("dash", "inside")
  const world = await HostWorld.open({
    ...more,
    scope,
    prefix: [...prefix, "unshare", "--pid", "--fork", "--mount-proc", "--kill-child"],
  })
  const names = join(folder, "names")
  const run = `ls -d /dev/shm/fettle-0-t${process.pid}-*-inside-* /dev/shm/fettle-0-t${process.pid}-* >${names}`
  expect(failures(await world.apply([node(script, "s", { id: "s", run: `${run} 2>/dev/null; true` })]))).toEqual([])
  await world.close()
  const mine = readFileSync(names, "utf8")
  expect(mine).toMatch(/-[1-9]\d*-\d+-[0-9a-f]{32}$/m)
  expect(mine).not.toMatch(/-0-(\d*)-[0-9a-f]{32}$/m)
})

function running(command: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(command)
    } catch {
      return false
    }
  })
}
