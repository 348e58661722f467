import { execFileSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type Carrier, type LocalCarrierOptions, localCarrier } from "../../src/connect/host/carrier.ts"
import { openHost } from "../../src/connect/host/driver.ts"
import type { HostClient } from "../../src/connect/host/kind.ts"
import type { Address } from "../../src/program/address.ts"
import type {
  AnyProvider,
  Change,
  ChangeItem,
  ChangeResult,
  Connection,
  Driver,
  Key,
  Last,
  OpenContext,
  Seen,
  Write,
} from "../../src/provider.ts"
import { DataKey } from "../../src/secrets/key.ts"
import { Secret } from "../../src/secrets/secret.ts"
import { need } from "../support/need.ts"

export type ShellName = "dash" | "bash" | "busybox"

/** The shells of this machine that a host may have; a missing one is said aloud. */
export function shellsHere(): readonly ShellName[] {
  return (["dash", "bash", "busybox"] as const).filter((name) =>
    need(name, { install: `apt-get install ${name === "busybox" ? "busybox-static" : name}` }),
  )
}

const folders: string[] = []

/** A folder of this test alone; `cleanUp` removes it. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "fettle-host-"))
  folders.push(folder)
  return folder
}

export function cleanUp(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
}

/**
 * A host name of its own for the sessions of this file: writers of one host take turns, and a test that works long would hold up
 * those of other files. Only root may do that; others run where nobody else tests.
 */
const OWN_NAME: readonly string[] =
  process.getuid?.() === 0 && existsSync("/usr/bin/unshare")
    ? [
        "/usr/bin/unshare",
        "--uts",
        "/bin/sh",
        "-c",
        `printf %s t${process.pid} >/proc/sys/kernel/hostname; exec "$@"`,
        "fettle",
      ]
    : []

/** How to start a shell; busybox gets a PATH of nothing but its own applets. */
export function carrierFor(shell: ShellName, scope: string): LocalCarrierOptions {
  if (shell !== "busybox") return { scope, shell, prefix: OWN_NAME }
  const applets = newFolder()
  const busybox = execFileSync("sh", ["-c", "command -v busybox"], { encoding: "utf8" }).trim()
  for (const name of execFileSync(busybox, ["--list"], { encoding: "utf8" }).trim().split("\n"))
    symlinkSync(busybox, join(applets, name))
  return { scope, shell: "sh", prefix: ["/usr/bin/env", `PATH=${applets}`, ...OWN_NAME] }
}

/** A root of its own as a host, for the rules that go through the engine. */
export function rootConnection(enter: () => readonly string[]): Connection<HostClient> {
  return {
    type: "host",
    name: "root",
    target: "a root of its own",
    secrets: [],
    open: (context) => openHost(localCarrier({ scope: "conforms", prefix: enter() as [string, ...string[]] }), context),
  }
}

/** One node as the engine would hold it. */
export interface TestNode {
  readonly provider: AnyProvider
  readonly address: string
  readonly want?: unknown
  readonly id?: string
  readonly last?: Last<unknown, unknown>
}

/** A node with its props checked, as a program declares it. */
export function node(provider: AnyProvider, address: string, props: unknown): TestNode {
  const want: unknown = provider.props.parse(props)
  return { provider, address, want, id: provider.id(want) as string }
}

/** What came of one node: what was planned, and the result where something was done. */
export interface Done {
  readonly change: Change<Record<string, unknown>>
  readonly result: ChangeResult | undefined
}

/** An open host, and the few steps of the engine that a test of kinds needs. */
export class HostWorld {
  readonly driver: Driver
  readonly key = new DataKey(new Uint8Array(32).fill(7))
  readonly controller = new AbortController()
  /** Replaces the secrets of this world, as a run does. */
  hide: ((text: string) => string) | undefined

  private constructor(driver: Driver) {
    this.driver = driver
  }

  static async open(options: LocalCarrierOptions): Promise<HostWorld> {
    return new HostWorld(await openHost(localCarrier(options), opening()))
  }

  /** Through a carrier of the test's own. */
  static async over(carrier: Carrier): Promise<HostWorld> {
    return new HostWorld(await openHost(carrier, opening()))
  }

  /** Through a connection as a program declares it; its secrets must be open. */
  static async through(connection: Connection<HostClient>): Promise<HostWorld> {
    return new HostWorld(await connection.open(opening()))
  }

  /** A secret that this run has opened. */
  secret(name: string, value: string): Secret<string> {
    const secret = new Secret<string>(name, { type: "value", value })
    Secret.remember(secret, { value, fingerprint: this.key.fingerprint(value) })
    return secret
  }

  async read(nodes: readonly TestNode[]): Promise<ReadonlyMap<string, Seen<unknown>>> {
    const items = nodes.map(({ provider, address, want, id, last }) => {
      const key: Key<unknown, unknown> = {
        address: address as Address,
        ...(id === undefined ? {} : { id }),
        ...(want === undefined ? {} : { want }),
        ...(last === undefined ? {} : { last }),
      }
      return { provider, key }
    })
    return this.driver.read(items, {
      signal: this.controller.signal,
      seal: (sha256) => this.key.fingerprintOfHash(sha256),
      secret: () => this.secret("found", "found"),
    })
  }

  /** Reads, plans and changes; a node whose read failed is left alone. */
  async apply(
    nodes: readonly TestNode[],
    parts: { readonly timeoutMs?: number; readonly repeated?: boolean } = {},
  ): Promise<ReadonlyMap<string, Done>> {
    const seen = await this.read(nodes)
    return this.change(nodes, seen, parts)
  }

  async change(
    nodes: readonly TestNode[],
    seen: ReadonlyMap<string, Seen<unknown>>,
    parts: { readonly timeoutMs?: number; readonly repeated?: boolean } = {},
  ): Promise<ReadonlyMap<string, Done>> {
    const done = new Map<string, Done>()
    const items: ChangeItem[] = []
    for (const each of nodes) {
      const at = seen.get(each.address) as Seen<unknown>
      if ("failed" in at) continue
      const change: Change<Record<string, unknown>> =
        each.want === undefined ? { action: "none" } : each.provider.plan(each.want, at, each.last)
      done.set(each.address, { change, result: undefined })
      if (change.action !== "none" || each.want === undefined) items.push(this.item(each, at, change, parts))
    }
    await this.driver.change(items, (item, result) => done.set(item.address, { change: item.change, result }))
    return done
  }

  item(
    { provider, address, want, last, id }: TestNode,
    seen: Seen<unknown>,
    change: Change<Record<string, unknown>>,
    { timeoutMs = 30_000, repeated = false } = {},
  ): ChangeItem {
    const parts = {
      signal: this.controller.signal,
      seal: (sha256: string) => this.key.fingerprintOfHash(sha256),
      secret: () => this.secret("found", "found"),
      address: address as Address,
      intent: { token: "token", repeated },
      reveal: <T>(secret: Secret<T>) => Secret.opened(secret)?.value as T,
      progress: async () => {},
      log: () => {},
      ...(this.hide && { hide: this.hide }),
    }
    return {
      provider,
      address: address as Address,
      action: want === undefined ? "delete" : "ensure",
      want,
      seen,
      last,
      id,
      change,
      intent: parts.intent,
      timeoutMs,
      signal: parts.signal,
      call: <C>(connection: C): Write<C> => ({ ...parts, connection }),
    }
  }

  async close(): Promise<void> {
    await this.driver.close()
  }
}

function opening(): OpenContext {
  return {
    signal: new AbortController().signal,
    reveal: (secret) => Secret.opened(secret)?.value as never,
    log: () => {},
  }
}

/** The nodes of a result that did not end well. */
export function failures(done: ReadonlyMap<string, Done>): readonly string[] {
  return [...done].flatMap(([address, { result }]) =>
    result !== undefined && "failed" in result ? [`${address}: ${result.failed.code} ${result.failed.fact}`] : [],
  )
}

/** The same node after its outputs were recorded, without its props: it has left the program. */
export function left(of: TestNode, done: ReadonlyMap<string, Done>): TestNode {
  const result = done.get(of.address)?.result
  const outputs = result !== undefined && "outputs" in result ? result.outputs : undefined
  return {
    provider: of.provider,
    address: of.address,
    ...(of.id === undefined ? {} : { id: of.id }),
    last: { props: of.want, outputs },
  }
}

export function emptyFolder(path: string): string {
  mkdirSync(path, { recursive: true })
  return path
}
