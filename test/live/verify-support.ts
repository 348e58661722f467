import { mkdtemp, rm } from "node:fs/promises"
import type { Server } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach } from "vitest"
import type { Address } from "../../src/program/address.ts"
import type { CheckOptions, CheckOutputs, Probe } from "../../src/program/check.ts"
import { resolve } from "../../src/program/output.ts"
import type { Write } from "../../src/provider.ts"
import { localTools } from "../../src/run/local.ts"
import { Secret } from "../../src/secrets/secret.ts"
import { checkProvider } from "../../src/verify/check.ts"
import type { LocalTools } from "../../src/verify/tools.ts"

const undo: (() => unknown)[] = []

/** Runs at the end of the test, last first. */
export function atEnd(step: () => unknown): void {
  undo.push(step)
}

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

/** A folder of this test's own. */
export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "fettle-verify-"))
  atEnd(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export function toolsIn(cwd: string): LocalTools {
  const { PATH, HOME } = process.env
  return localTools(cwd, { PATH, HOME, TMPDIR: tmpdir(), LANG: "C.UTF-8", OTHER: "not passed on" })
}

/** A secret as a run has opened it. */
export function openedSecret(name: string, value: string, fingerprint = `fp-${value}`): Secret<string> {
  const secret = new Secret<string>(name, { type: "value", value })
  Secret.remember(secret, { value, fingerprint })
  return secret
}

/** A call as the engine makes it; `logged` collects what goes to the log. */
export function callIn(
  cwd: string,
  signal: AbortSignal = new AbortController().signal,
): Write<LocalTools> & { readonly logged: string[] } {
  const logged: string[] = []
  return {
    connection: toolsIn(cwd),
    signal,
    address: "fettle.task[test]" as Address,
    intent: { token: "token", repeated: false },
    seal: (sha256) => `sealed:${sha256}`,
    secret: (name, value) => openedSecret(name, value),
    reveal: (secret) => Secret.opened(secret)?.value as never,
    progress: async () => {},
    log: (text) => logged.push(text),
    logged,
  }
}

/** Asks a probe as a check would. */
export async function ask(
  probe: Probe,
  options: Omit<CheckOptions, "after" | "policies"> & { readonly signal?: AbortSignal; readonly cwd?: string } = {},
): Promise<CheckOutputs> {
  const { signal, cwd = tmpdir(), ...timing } = options
  const want = checkProvider.props.parse({ probe: resolve(probe, () => undefined), ...timing })
  return checkProvider.ensure(want, { absent: true }, { action: "check" }, callIn(cwd, signal))
}

/** Starts a server on a free port of 127.0.0.1 and gives the port; it ends with the test. */
export async function listen(server: Server): Promise<number> {
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready))
  atEnd(() => {
    if ("closeAllConnections" in server) (server as unknown as { closeAllConnections(): void }).closeAllConnections()
    server.close()
  })
  return (server.address() as { port: number }).port
}
